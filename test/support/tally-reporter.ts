import type { TestEvent } from "node:test/reporters";

/** A test reporter that says at the end how many tests passed and failed, in the line that conformance ends with, too. */
export default async function* tally(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type !== "test:summary" || event.data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = event.data.counts;
    yield `\n${passed} passed, ${tests - passed - skipped - todo} failed${skipped === 0 ? "" : `, ${skipped} skipped`}\n`;
  }
}
