/** A stream that a command writes to. */
interface Stream {
  on(event: "error", listener: (error: Error) => void): unknown;
  write(text: string): unknown;
}

/** Exit status of what writes to a reader that has gone, as shells give it: 128 and the number of SIGPIPE. */
const READER_GONE = 141;
const NOT_WRITTEN = 1;

/** Where a command writes, until nobody reads it any longer. */
export interface Output {
  /** Aborts when standard output can no longer be written: nothing that a command does is seen from then on. */
  readonly closed: AbortSignal;
  /** The exit status where standard output could not be written: 141 where its reader has gone, else 1; null until then. */
  status(): number | null;
}

/**
 * Watches standard output: a reader that has gone, as `head` does when it has enough, ends the command without a word; for
 * any other cause, such as a full disk, one line says why. Errors of standard error have nowhere to be reported.
 */
export function watchOutput(stdout: Stream, stderr: Stream, onClosed: (status: number) => void): Output {
  const closed = new AbortController();
  let status: number | null = null;
  stderr.on("error", () => undefined);
  stdout.on("error", (error) => {
    if (status !== null) return;
    const code = "code" in error ? String(error.code) : "unknown reason";
    status = code === "EPIPE" ? READER_GONE : NOT_WRITTEN;
    if (status === NOT_WRITTEN) stderr.write(`lab-images: standard output cannot be written (${code})\n`);
    closed.abort("SIGPIPE");
    onClosed(status);
  });
  return { closed: closed.signal, status: () => status };
}
