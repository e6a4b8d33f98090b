import { createRegistryHook, type RegistryHookOptions } from "../http/registry-hook.ts";
import type { RequestHandler } from "../http/route.ts";
import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import { createSingleFlight } from "../lib/memoize.ts";
import type { Clock, ImageCommands, Logger } from "../ports.ts";
import { errorCode } from "../registry/oci/error-code.ts";
import { createNotificationThrottle, REFRESH_PACE } from "../registry/oci/notification-throttle.ts";

/** A shared secret is a line. */
const MAX_SECRET_BYTES = 65_536;

/** What the hook is made of. */
export interface HookParts {
  /** The file that holds the shared secret; read at each request, so that it can be rotated. */
  readonly secretFile: string;
  /** The repositories as the registries themselves name them. */
  readonly repositories: ReadonlySet<string>;
  readonly commands: Pick<ImageCommands, "refresh">;
  /** The other replicas, of which the notification reaches none; null where there are none. */
  readonly replicas: { announce(): void; onAnnounced(listener: () => void): void } | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onLimit: RegistryHookOptions["onLimit"];
}

/** The hook that lets a registry's notification start a refresh, with what ends it. */
export interface Hook {
  readonly handler: RequestHandler;
  stop(): void;
}

/** A notification that waits this long, in ms, before it is announced is seen by the leader within two seconds all the same. */
const ANNOUNCE_INTERVAL_MS = 400;

/** `/hooks/registry`: the first notification refreshes at once, those that follow are gathered. */
export function createHook({ secretFile, repositories, commands, replicas, clock, logger, onLimit }: HookParts): Hook {
  const stopping = new AbortController();
  const throttle = createNotificationThrottle(
    clock,
    () => {
      // The refresh itself reports how it ends: in the log, the metrics and the status.
      commands.refresh("REGISTRY_NOTIFIED", stopping.signal).catch(() => undefined);
    },
    REFRESH_PACE,
  );
  const pace = { intervalMs: ANNOUNCE_INTERVAL_MS, calls: 1 };
  const announcements = createNotificationThrottle(clock, () => replicas?.announce(), pace);
  replicas?.onAnnounced(() => throttle.notify());
  function notify(): void {
    throttle.notify();
    announcements.notify();
  }
  const secret = createSecretReader(secretFile, logger);
  const handler = createRegistryHook({ secret, repositories, notify, clock, onLimit });
  return {
    handler,
    stop() {
      throttle.stop();
      announcements.stop();
      stopping.abort();
    },
  };
}

/** Reads the secret; an empty one, which admits nobody, where there is none. Each cause is logged once: anybody may call. */
function createSecretReader(secretFile: string, logger: Logger): () => Promise<string> {
  let loggedOf = "";
  const flights = createSingleFlight<string>();
  const never = new AbortController().signal;

  async function read(): Promise<string> {
    let problem = "it is empty";
    try {
      const secret = (await readRegularFile(secretFile, MAX_SECRET_BYTES)).toString("utf8").trim();
      if (secret !== "") {
        loggedOf = "";
        return secret;
      }
    } catch (error) {
      problem = error instanceof UnusableFileError ? error.message : errorCode(error);
    }
    if (problem !== loggedOf) {
      const refused = "there is no secret for the registry hook (http.hookSecretFile): notifications are refused";
      logger.error({ reason: problem }, refused);
    }
    loggedOf = problem;
    return "";
  }

  return () => flights.run(secretFile, never, read);
}
