import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import { allPages } from "../../../src/cli/clients/pages.ts";

const gone = () => Object.assign(new Error("gone"), { code: status.ABORTED });

test("pages are asked for until there are no more", async () => {
  const tokens: string[] = [];
  const pages = await allPages((token) => {
    tokens.push(token);
    return Promise.resolve({ nextPageToken: token === "b" ? "" : token === "a" ? "b" : "a" });
  });
  assert.deepEqual(tokens, ["", "a", "b"]);
  assert.equal(pages.length, 3);
});

test("a listing whose snapshot is gone starts over, twice at most", async () => {
  let calls = 0;
  const answer = () => {
    calls += 1;
    return calls < 3 ? Promise.reject(gone()) : Promise.resolve({ nextPageToken: "" });
  };
  assert.equal((await allPages(answer)).length, 1);
  await assert.rejects(
    allPages(() => Promise.reject(gone())),
    { message: "gone" },
  );
});

test("any other failure is told at once", async () => {
  let calls = 0;
  const answer = () => {
    calls += 1;
    return Promise.reject(new Error("down"));
  };
  await assert.rejects(allPages(answer), { message: "down" });
  assert.equal(calls, 1);
});
