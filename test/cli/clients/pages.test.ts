import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { allPages } from "../../../src/cli/clients/pages.ts";

const gone = () => Object.assign(new Error("gone"), { code: status.ABORTED });

test("F63: pages are asked for until the last one, and are one answer", async () => {
  const tokens: string[] = [];
  const page = (number: number, nextPageToken: string) => ({
    nextPageToken,
    status:
      number === 3 ? null : { config: number === 1 ? { pins: ["a"] } : null, nodes: [number], images: [{ number }] },
    recommended: number === 1 ? { tag: "r", aliases: ["x"] } : null,
    state: { generation: 7, staleReason: "" },
    dropdown: number === 1 ? [] : [number],
  });
  const whole = await allPages((token) => {
    tokens.push(token);
    return Promise.resolve(token === "" ? page(1, "a") : token === "a" ? page(2, "b") : page(3, ""));
  });
  assert.deepEqual(tokens, ["", "a", "b"]);
  assert.deepEqual(whole, {
    nextPageToken: "",
    status: { config: { pins: ["a"] }, nodes: [1, 2], images: [{ number: 1 }, { number: 2 }] },
    recommended: { tag: "r", aliases: ["x"] },
    state: { generation: 7, staleReason: "" },
    dropdown: [2, 3],
  });
});

test("a listing whose snapshot is gone starts over, twice at most", async () => {
  let calls = 0;
  const answer = () => {
    calls += 1;
    return calls < 3 ? Promise.reject(gone()) : Promise.resolve({ nextPageToken: "" });
  };
  assert.deepEqual(await allPages(answer), { nextPageToken: "" });
  assert.equal(calls, 3);
  await assert.rejects(
    allPages(() => Promise.reject(gone())),
    { message: "gone" },
  );
});

test("any other failure is reported at once", async () => {
  let calls = 0;
  const answer = () => {
    calls += 1;
    return Promise.reject(new Error("down"));
  };
  await assert.rejects(allPages(answer), { message: "down" });
  assert.equal(calls, 1);
});
