import { readFile, stat } from "node:fs/promises";
import { RegistryDeniedError } from "../../domain/errors.ts";
import type { Logger } from "../../ports.ts";
import { errorCode } from "../oci/error-code.ts";
import { type CredentialsEntry, CredentialsFormError, parseCredentials } from "./credentials.ts";

/** What a credentials file held when it was last read whole. */
export interface CredentialsBook {
  readonly entries: readonly CredentialsEntry[];
  /** Another number after every change. */
  readonly version: number;
}

/** A credentials file bigger than this is none: the limit of a Kubernetes secret. */
const MAX_FILE_BYTES = 1_048_576;

/** Reads a credentials file again whenever it has changed, as rotated secrets do. */
export interface CredentialsReader {
  /**
   * Rejects with a RegistryDeniedError while the file was never readable; later the last good contents stay in use,
   * with one warning per cause.
   */
  read(): Promise<CredentialsBook>;
}

/** No path gives an empty book for ever. */
export function createCredentialsReader(path: string | undefined, logger: Logger): CredentialsReader {
  let book: CredentialsBook | null = path === undefined ? { entries: [], version: 0 } : null;
  let seen = "";
  let warnedOf = "";

  async function reload(file: string): Promise<void> {
    const { ino, size, mtimeMs } = await stat(file);
    const mark = `${ino}/${size}/${mtimeMs}`;
    if (mark === seen) return;
    if (size > MAX_FILE_BYTES) throw new CredentialsFormError("the file is too large");
    const entries = parseCredentials(await readFile(file, "utf8"));
    book = { entries, version: (book?.version ?? 0) + 1 };
    seen = mark;
    warnedOf = "";
  }

  return {
    async read() {
      try {
        if (path !== undefined) await reload(path);
      } catch (error) {
        const why = error instanceof CredentialsFormError ? error.message : errorCode(error);
        if (book === null) throw new RegistryDeniedError(`images.dockerCredentialsPath cannot be read (${why})`);
        if (why !== warnedOf) logger.warn({ reason: why }, "keeping the registry credentials that were read before");
        warnedOf = why;
      }
      return book ?? { entries: [], version: 0 };
    },
  };
}
