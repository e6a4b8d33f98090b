import { type CooperativeTask, runToCompletion } from "../../domain/cooperative.ts";
import type { Clock } from "../../ports.ts";
import type { WatchPrepullStatusRequest__Output } from "../gen/labimages/v1/WatchPrepullStatusRequest.ts";
import { encodeHealth, encodePrepullConfig } from "../messages/prepull-config-message.ts";
import {
  createStatusHistory,
  NO_MESSAGES,
  type StatusHistory,
  type StatusMessages,
  type StatusView,
} from "../messages/status-history.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { OpenStream, StreamHandler } from "../server/stream-call.ts";

/** Milliseconds for which changes are gathered before readers are told, at least. */
const GATHERING = 100;
/**
 * Changes are gathered for so many times as long as the last update took, but never longer than a second: a cluster in
 * turmoil is not all about its readers.
 */
const REST = 10;
const LONGEST_GATHERING = 1_000;
/** Readers that are told in one turn of the event loop. */
const SLICE = 100;

/** One reader: where it is, and what of that has not been sent yet. Its messages are shared with the other readers. */
interface Watcher {
  readonly stream: OpenStream;
  version: number;
  messages: StatusMessages;
  sent: number;
  sending: boolean;
}

/** `WatchPrepullStatus`: the whole at once, then what changes; what a slow reader has missed is merged when it reads on. */
export function watchPrepullStatus(context: ServiceContext): StreamHandler<WatchPrepullStatusRequest__Output> {
  const config = encodePrepullConfig(context.settings);
  const watchers = new Set<Watcher>();
  let watch: ReturnType<typeof startWatch> | null = null;

  return (_request, stream) => {
    context.snapshot();
    watch ??= startWatch(context, config, watchers);
    const { history } = watch;
    const watcher: Watcher = { stream, version: 0, messages: NO_MESSAGES, sent: 0, sending: false };
    watchers.add(watcher);
    stream.onEnd(() => {
      watchers.delete(watcher);
      if (watchers.size > 0) return;
      watch?.stop();
      watch = null;
    });
    stream.sendHeaders();
    pump(watcher, history);
  };
}

/** Follows the state while anybody watches. */
function startWatch(context: ServiceContext, config: Buffer, watchers: ReadonlySet<Watcher>) {
  const { reader, clock } = context;
  const history = createStatusHistory(config, runToCompletion(viewOf(context)));
  let cancel: (() => void) | null = null;
  /** The state has changed since the update that is under way, if one is, began. */
  let changed = false;
  let begunAt = 0;
  /** Milliseconds. */
  let lastTook = 0;

  function note(): void {
    changed = true;
    cancel ??= clock.schedule(Math.max(GATHERING, Math.min(REST * lastTook, LONGEST_GATHERING)), begin);
  }

  function begin(): void {
    changed = false;
    begunAt = clock.monotonicTime();
    proceed(updateOf(context, history));
  }

  function proceed(update: CooperativeTask<void>): void {
    if (update.next().done !== true) {
      cancel = clock.schedule(0, () => proceed(update));
      return;
    }
    lastTook = clock.monotonicTime() - begunAt;
    cancel = null;
    if (changed) note();
    tellAll([...watchers], history, clock);
  }

  const unsubscribe = reader.onChange(note);
  return {
    history,
    stop() {
      unsubscribe();
      cancel?.();
    },
  };
}

function* updateOf(context: ServiceContext, history: StatusHistory): CooperativeTask<void> {
  yield* history.update(yield* viewOf(context));
}

/** With thousands of nodes each of its parts takes some milliseconds. */
function* viewOf({ reader, snapshot, stateField }: ServiceContext): CooperativeTask<StatusView> {
  const current = snapshot();
  const images = current.prepullImages();
  yield;
  const nodes = current.nodes();
  yield;
  return {
    images,
    nodes,
    work: reader.progress(),
    health: encodeHealth(reader.sources(), reader.problems(current)),
    state: stateField(current),
  };
}

/** Thousands of readers are told in slices, so that others get their turns in between. */
function tellAll(watchers: readonly Watcher[], history: StatusHistory, clock: Clock): void {
  for (const watcher of watchers.slice(0, SLICE)) pump(watcher, history);
  const rest = watchers.slice(SLICE);
  if (rest.length > 0) clock.schedule(0, () => tellAll(rest, history, clock));
}

/** Sends the next message, if the transport has taken the last one and there is one to send. */
function pump(watcher: Watcher, history: StatusHistory): void {
  if (watcher.sending) return;
  let next = watcher.messages.at(watcher.sent);
  if (next === undefined) {
    watcher.messages = history.messagesSince(watcher.version);
    watcher.version = history.version;
    watcher.sent = 0;
    next = watcher.messages.at(0);
  }
  if (next === undefined) return;
  watcher.sent += 1;
  watcher.sending = true;
  watcher.stream.send(next, () => {
    watcher.sending = false;
    pump(watcher, history);
  });
}
