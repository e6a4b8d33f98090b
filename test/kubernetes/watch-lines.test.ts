import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLineCutter } from "../../src/kubernetes/watch/watch-lines.ts";

describe("line cutter", () => {
  it("cuts the same lines however the bytes are split, also within a character", () => {
    const text = '{"a":"ä€😀"}\n\n{"b":1}\n';
    const bytes = Buffer.from(text);
    for (let size = 1; size <= bytes.length; size += 1) {
      const cutter = createLineCutter(100);
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += size) lines.push(...(cutter.push(bytes.subarray(at, at + size)) ?? []));
      assert.deepEqual(lines, ['{"a":"ä€😀"}', '{"b":1}']);
      assert.equal(cutter.hasRest, false);
    }
  });

  it("knows that a line is not whole", () => {
    const cutter = createLineCutter(100);
    assert.deepEqual(cutter.push(Buffer.from("one\ntw")), ["one"]);
    assert.equal(cutter.hasRest, true);
  });

  it("gives up on a line that is too long", () => {
    const cutter = createLineCutter(10);
    assert.deepEqual(cutter.push(Buffer.from("12345")), []);
    assert.equal(cutter.push(Buffer.from("678901")), null);
  });
});
