import { type CooperativeTask, runToCompletion } from "../../domain/cooperative.ts";
import { createWakeup, type Wakeup } from "../../lib/abort.ts";
import type { Clock } from "../../ports.ts";
import type { WatchPrepullStatusRequest__Output } from "../gen/labimages/v1/WatchPrepullStatusRequest.ts";
import { encodeHealth, encodePrepullConfig } from "../messages/prepull-config-message.ts";
import { createStatusHistory, type StatusHistory, type StatusView } from "../messages/status-history.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { StreamHandler } from "../server/stream-call.ts";

/** Debounce of changes in ms: ten times as long as the last update took, within these bounds, to leave time for calls. */
const MIN_DEBOUNCE_MS = 100;
const MAX_DEBOUNCE_MS = 1_000;
const DEBOUNCE_FACTOR = 10;
/** Readers that are notified in one turn of the event loop. */
const READERS_PER_TURN = 100;

/** `WatchPrepullStatus`: the whole at once, then what changes; what a slow reader has missed is merged when it reads on. */
export function watchPrepullStatus(context: ServiceContext): StreamHandler<WatchPrepullStatusRequest__Output> {
  const config = encodePrepullConfig(context.settings);
  const readers = new Set<Wakeup>();
  let watch: ReturnType<typeof startWatch> | null = null;

  return async function* (_request, { signal, sendHeaders }) {
    context.snapshot();
    watch ??= startWatch(context, config, readers);
    const { history } = watch;
    const changed = createWakeup(signal);
    readers.add(changed);
    try {
      sendHeaders();
      for (let version = 0; ; await changed.wait()) {
        const messages = history.messagesSince(version);
        version = history.version;
        let at = 0;
        for (let message = messages.at(at); message !== undefined; message = messages.at(at)) {
          yield message;
          at += 1;
        }
      }
    } finally {
      readers.delete(changed);
      if (readers.size === 0) {
        watch?.stop();
        watch = null;
      }
    }
  };
}

/** Follows the state while anybody watches. */
function startWatch(context: ServiceContext, config: Buffer, readers: ReadonlySet<Wakeup>) {
  const { reader, clock } = context;
  const history = createStatusHistory(config, runToCompletion(viewOf(context)));
  let cancel: (() => void) | null = null;
  /** The state has changed since the update that is under way, if one is, began. */
  let changed = false;
  let begunAt = 0;
  let lastUpdateMs = 0;

  function note(): void {
    changed = true;
    const debounceMs = Math.max(MIN_DEBOUNCE_MS, Math.min(DEBOUNCE_FACTOR * lastUpdateMs, MAX_DEBOUNCE_MS));
    cancel ??= clock.schedule(debounceMs, begin);
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
    lastUpdateMs = clock.monotonicTime() - begunAt;
    cancel = null;
    if (changed) note();
    notifyAll([...readers], clock);
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

/** Thousands of readers are notified in slices, so that other calls are served in between. */
function notifyAll(readers: readonly Wakeup[], clock: Clock): void {
  for (const reader of readers.slice(0, READERS_PER_TURN)) reader.notify();
  const rest = readers.slice(READERS_PER_TURN);
  if (rest.length > 0) clock.schedule(0, () => notifyAll(rest, clock));
}
