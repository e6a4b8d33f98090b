import assert from "node:assert/strict";
import { test } from "node:test";
import { createLatestWriter } from "../../src/grpc/messages/latest-writer.ts";

test("while one message is on its way only the latest other one waits (G1)", () => {
  const sent: string[] = [];
  const accepts: (() => void)[] = [];
  const write = createLatestWriter({
    peer: "10.0.0.1",
    sendHeaders: () => undefined,
    send(bytes, accepted) {
      sent.push(bytes.toString());
      accepts.push(accepted);
    },
    fail: () => undefined,
    onEnd: () => undefined,
  });
  for (const text of ["a", "b", "c", "d"]) write(Buffer.from(text));
  assert.deepEqual(sent, ["a"]);
  accepts[0]?.();
  assert.deepEqual(sent, ["a", "d"]);
  accepts[1]?.();
  write(Buffer.from("e"));
  assert.deepEqual(sent, ["a", "d", "e"]);
});
