import { stat } from "node:fs/promises";
import { RegistryDeniedError } from "../../domain/errors.ts";
import { readRegularFile } from "../../lib/bytes.ts";
import type { Logger } from "../../ports.ts";
import { errorCode } from "../oci/error-code.ts";
import { type CredentialsDocument, CredentialsFormError, parseCredentials } from "./credentials.ts";

/** What a credentials file held when it was last read whole. */
export interface CredentialsBook extends CredentialsDocument {
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
  /**
   * Makes the next `read` look at the contents, also where the file seems to be the same, and not fall back on what was
   * kept of a file that cannot be read: what was read last may be why the registry refuses.
   */
  forget(): void;
}

/** No path gives an empty book for ever. */
export function createCredentialsReader(path: string | undefined, logger: Logger): CredentialsReader {
  const empty: CredentialsBook = { entries: [], unusable: [], namesHelper: false, version: 0 };
  let book: CredentialsBook | null = path === undefined ? empty : null;
  let versions = 0;
  let seen = "";
  let warnedOf = "";
  let isKept = false;

  async function reload(file: string): Promise<void> {
    const { ino, size, mtimeMs } = await stat(file);
    const mark = `${ino}/${size}/${mtimeMs}`;
    if (mark === seen) return;
    if (size > MAX_FILE_BYTES) throw new CredentialsFormError("the file is too large");
    const document = parseCredentials((await readRegularFile(file, MAX_FILE_BYTES)).toString("utf8"));
    versions += 1;
    book = { ...document, version: versions };
    seen = mark;
    warnedOf = "";
  }

  return {
    async read() {
      try {
        if (path !== undefined) await reload(path);
        isKept = false;
      } catch (error) {
        const why = error instanceof CredentialsFormError ? error.message : errorCode(error);
        if (book === null) throw new RegistryDeniedError(`images.dockerCredentialsPath cannot be read (${why})`);
        if (why !== warnedOf) logger.warn({ reason: why }, "keeping the registry credentials that were read before");
        warnedOf = why;
        isKept = true;
      }
      return book ?? empty;
    },
    forget() {
      seen = "";
      if (isKept) book = null;
    },
  };
}
