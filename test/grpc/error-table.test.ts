import assert from "node:assert/strict";
import { test } from "node:test";
import { status } from "@grpc/grpc-js";
import {
  type ErrorReason,
  GateBusyError,
  InvalidArgumentError,
  InvalidReferenceError,
  LabImagesError,
  RegistryUnavailableError,
} from "../../src/domain/errors.ts";
import { ERROR_TABLE, statusOf } from "../../src/grpc/server/error-table.ts";
import { ProtocolError } from "../../src/grpc/server/protocol-error.ts";
import { failureOf } from "./support/calls.ts";
import { keepingLogger, type LogLine } from "./support/running-server.ts";

/** The table of docs/spec/api.md, written down once more. */
const EXPECTED: Readonly<Record<ErrorReason, keyof typeof status>> = {
  UNKNOWN_IMAGE: "NOT_FOUND",
  INVALID_REFERENCE: "INVALID_ARGUMENT",
  INVALID_ARGUMENT: "INVALID_ARGUMENT",
  NOT_READY: "UNAVAILABLE",
  REGISTRY_UNAVAILABLE: "UNAVAILABLE",
  KUBERNETES_UNAVAILABLE: "UNAVAILABLE",
  REGISTRY_DENIED: "FAILED_PRECONDITION",
  KUBERNETES_DENIED: "FAILED_PRECONDITION",
  GATE_BUSY: "RESOURCE_EXHAUSTED",
  TOO_MANY_GATES: "RESOURCE_EXHAUSTED",
  TOO_MANY_STREAMS: "RESOURCE_EXHAUSTED",
  SNAPSHOT_GONE: "ABORTED",
  GATE_TAKEN_OVER: "ABORTED",
  UNAUTHENTICATED: "UNAUTHENTICATED",
  PERMISSION_DENIED: "PERMISSION_DENIED",
  SHUTTING_DOWN: "UNAVAILABLE",
  DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
  CANCELLED: "CANCELLED",
};

function told(error: unknown, lines: LogLine[] = []) {
  return failureOf(statusOf(error, "Method", { logger: keepingLogger(lines), randomId: () => "id-7" }));
}

test("every reason has its code, its ErrorInfo and nothing of its cause", () => {
  assert.deepEqual(new Set(Object.keys(ERROR_TABLE)), new Set(Object.keys(EXPECTED)));
  for (const [reason, code] of Object.entries(EXPECTED) as [ErrorReason, string][]) {
    const failure = told(new LabImagesError(reason, "what the caller reads", { key: "value" }, new Error("secret")));
    assert.equal(failure.code, code, reason);
    assert.equal(failure.reason, reason);
    assert.equal(failure.domain, "labimages.v1");
    assert.equal(failure.text, "what the caller reads");
    assert.deepEqual(failure.metadata, { key: "value" });
    assert.deepEqual(failure.fields, []);
  }
});

test("arguments are named, and busy gates say when to come back", () => {
  assert.deepEqual(told(new InvalidArgumentError("page_size", "too small")).fields, ["page_size"]);
  assert.deepEqual(told(new InvalidReferenceError("no reference")).fields, ["reference"]);
  assert.equal(told(new GateBusyError("prepuller")).retrySeconds, 5);
  assert.equal(told(new InvalidArgumentError("page_size", "too small")).retrySeconds, null);
});

test("an error that knows its cause does not reveal it", () => {
  const lines: LogLine[] = [];
  const failure = told(new RegistryUnavailableError("the registry does not answer", new Error("token=abc")), lines);
  assert.doesNotMatch(JSON.stringify(failure), /abc/);
  assert.deepEqual(lines, []);
});

test("a failure of a standard protocol keeps its own code and has no reason of ours", () => {
  const failure = told(new ProtocolError(status.UNIMPLEMENTED, "not yet"));
  assert.equal(failure.code, "UNIMPLEMENTED");
  assert.equal(failure.text, "not yet");
  assert.equal(failure.reason, "");
});

const strangers: readonly unknown[] = [
  new Error("password=hunter2"),
  Object.assign(new Error("hunter2 is forbidden"), { code: 403, body: "hunter2" }),
  { code: 7, details: "hunter2" },
  "hunter2",
  undefined,
  null,
];
for (const [index, stranger] of strangers.entries()) {
  test(`what is not ours becomes INTERNAL with an id that is in the log (${index})`, () => {
    const lines: LogLine[] = [];
    const failure = told(stranger, lines);
    assert.equal(failure.code, "INTERNAL");
    assert.equal(failure.text, "internal error; the log has its cause under id-7");
    assert.deepEqual(failure.metadata, { id: "id-7" });
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.level, "error");
    assert.equal(lines[0]?.fields["id"], "id-7");
    assert.equal(lines[0]?.fields["err"], stranger);
  });
}

test("texts are well-formed, without control characters and not endless", () => {
  const failure = told(new LabImagesError("UNKNOWN_IMAGE", `a\ud800b\r\nc${"x".repeat(5_000)}`, { k: "\udc00\u0007" }));
  assert.match(failure.text, /^a\ufffdb cx+…$/);
  assert.equal(failure.text.length, 1_024);
  assert.deepEqual(failure.metadata, { k: "\ufffd " });
});
