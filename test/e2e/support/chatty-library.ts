import output from "node:console";

/** A library that prints without end, as soon as the service has started: far more than a pipe that nobody reads takes. */
const LINE = `Authorization: Bearer canary-9f8e7d6c ${"x".repeat(1_000)}\n`;

setInterval(() => {
  for (let line = 0; line < 100; line++) {
    output.error(LINE);
    process.stderr.write(LINE);
    process.emitWarning(LINE);
  }
}, 10).unref();
