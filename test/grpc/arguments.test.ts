import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { ImageServiceClient } from "../../src/grpc/gen/labimages/v1/ImageService.ts";
import { ask, failure, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { digestOf, REGISTRY, REPOSITORY, weeklies } from "./support/images.ts";
import { startServer } from "./support/running-server.ts";

type Call = (client: ImageServiceClient) => Promise<unknown>;

const resolve =
  (request: object): Call =>
  (client) =>
    ask(client, client.ResolveImage, request);
const list =
  (request: object): Call =>
  (client) =>
    ask(client, client.ListImages, request);
const missing =
  (request: object): Call =>
  (client) =>
    ask(client, client.ListMissingImages, request);
const status =
  (request: object): Call =>
  (client) =>
    ask(client, client.GetPrepullStatus, request);
const menu =
  (request: object): Call =>
  (client) =>
    ask(client, client.GetMenu, request);
const mark =
  (request: object): Call =>
  (client) =>
    ask(client, client.MarkPrepulled, request);

const REFERENCE = `${REGISTRY}/${REPOSITORY}:w_2077_52@${digestOf(1)}`;
const token = (...content: unknown[]) => Buffer.from(JSON.stringify(content)).toString("base64url");

/** What is wrong, the call, the field that is named, and the reason where it is not INVALID_ARGUMENT. */
const BAD: readonly (readonly [string, Call, string, string?])[] = [
  ["no selector", resolve({}), "selector"],
  ["two selectors", resolve({ tag: "w_2077_52", reference: REFERENCE }), "selector"],
  ["three selectors", resolve({ tag: "", reference: "", imageClass: "IMAGE_CLASS_RECOMMENDED" }), "selector"],
  ["the class UNSPECIFIED", resolve({ imageClass: "IMAGE_CLASS_UNSPECIFIED" }), "image_class"],
  ["a class that does not exist", resolve({ imageClass: 99 }), "image_class"],
  ["an empty tag", resolve({ tag: "" }), "tag"],
  ["a tag that is too long", resolve({ tag: "x".repeat(129) }), "tag"],
  ["a tag with a control character", resolve({ tag: "w_2077\n52" }), "tag"],
  ["an empty reference", resolve({ reference: "" }), "reference", "INVALID_REFERENCE"],
  ["a reference that is none", resolve({ reference: "w_2077_52" }), "reference", "INVALID_REFERENCE"],
  ["a reference that is too long", resolve({ reference: `r/${"x".repeat(2_000)}` }), "reference", "INVALID_REFERENCE"],
  ["a reference with a control character", resolve({ reference: "r/a\u0000b:t" }), "reference", "INVALID_REFERENCE"],
  ["a negative page size (images)", list({ pageSize: -1 }), "page_size"],
  ["a negative page size (missing)", missing({ pageSize: -5 }), "page_size"],
  ["a negative page size (status)", status({ pageSize: -2_147_483_648 }), "page_size"],
  ["a page token that is no base64", list({ pageToken: "!?" }), "page_token"],
  ["a page token with line breaks", list({ pageToken: "WzFd\n" }), "page_token"],
  ["a page token that is no JSON", list({ pageToken: "aGVsbG8" }), "page_token"],
  ["a page token that is too long", list({ pageToken: "A".repeat(2_000) }), "page_token"],
  ["a page token of another form", list({ pageToken: token(2, "ListImages", "epoch-1", 1, 2, "") }), "page_token"],
  ["a page token that is no list", list({ pageToken: token() }), "page_token"],
  ["a page token without place", list({ pageToken: token(1, "ListImages", "epoch-1", 1, "2", "") }), "page_token"],
  ["a page token before the start", list({ pageToken: token(1, "ListImages", "epoch-1", 1, -2, "") }), "page_token"],
  ["a page token behind the end", list({ pageToken: token(1, "ListImages", "epoch-1", 1, 5, "") }), "page_token"],
  ["a page token of another listing", status({ pageToken: token(1, "ListImages", "epoch-1", 1, 2, "") }), "page_token"],
  ["a menu token without time", menu({ pageToken: token(1, "GetMenu", "epoch-1", 1, 2, "now") }), "page_token"],
  ["a token of another node", missing({ pageToken: token(1, "ListMissingImages", "epoch-1", 1, 1, "a") }), "node"],
  ["a node's name that no node can have", missing({ node: "Node_1" }), "node"],
  ["a node's name with an empty label", missing({ node: "a..b" }), "node"],
  ["a mark for a node that no cluster can have", mark({ reference: REFERENCE, node: "-" }), "node"],
  ["a node's name that is too long", missing({ node: "n".repeat(254) }), "node"],
  ["a node's name with a control character", missing({ node: "n\u007f" }), "node"],
  ["a mark without reference", mark({ node: "node-1" }), "reference", "INVALID_REFERENCE"],
  ["a mark without digest", mark({ reference: "r/a:t", node: "node-1" }), "reference", "INVALID_REFERENCE"],
  ["a mark without node", mark({ reference: REFERENCE }), "node"],
  ["a mark for a node whose name is too long", mark({ reference: REFERENCE, node: "n".repeat(254) }), "node"],
];

/** The same for the gate. */
const BAD_GATES: readonly (readonly [string, object, string])[] = [
  ["a gate's name with a blank", { gate: "my gate" }, "gate"],
  ["a gate's name that is too long", { gate: "g".repeat(64) }, "gate"],
  ["a gate's name with a control character", { gate: "a\tb" }, "gate"],
  ["a holder that is too long", { holder: "h".repeat(254) }, "holder"],
  ["a holder with a control character", { holder: "\u0085" }, "holder"],
  ["an epoch without generation", { epoch: "epoch-1" }, "after_generation"],
  ["a generation without epoch", { afterGeneration: 4 }, "epoch"],
  ["an epoch that is too long", { epoch: "e".repeat(300), afterGeneration: 4 }, "epoch"],
];

function start(context: TestContext) {
  return startServer(context, { state: fakeState(snapshotOf(1, { images: weeklies(5) })) });
}

describe("bad arguments are refused with the field (G6)", () => {
  for (const [what, call, field, reason = "INVALID_ARGUMENT"] of BAD) {
    test(what, async (context) => {
      const { client, state } = await start(context);
      const told = await failure(call(client));
      assert.equal(told.code, "INVALID_ARGUMENT");
      assert.equal(told.reason, reason);
      assert.deepEqual(told.fields, [field]);
      assert.deepEqual(told.metadata, { field });
      assert.deepEqual(state.marks, []);
    });
  }
  for (const [what, request, field] of BAD_GATES) {
    test(what, async (context) => {
      const { client, state } = await start(context);
      const told = await receive(client.WaitForRefresh(request)).ended;
      assert.equal(told.reason, "INVALID_ARGUMENT");
      assert.deepEqual(told.fields, [field]);
      assert.deepEqual(state.attached, []);
    });
  }
});
