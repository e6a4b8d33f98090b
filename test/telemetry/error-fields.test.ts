import assert from "node:assert/strict";
import { test } from "node:test";
import { errorFields } from "../../src/telemetry/error-fields.ts";

test("values that are no errors are reported as what they are, objects without their content", () => {
  assert.deepEqual(errorFields("password=hunter2"), { type: "string", message: "password=[redacted]" });
  assert.deepEqual(errorFields(null), { type: "null", message: "null" });
  assert.deepEqual(errorFields(undefined), { type: "undefined", message: "undefined" });
  assert.deepEqual(errorFields({ body: "hunter2" }), { type: "object", message: "[redacted]" });
});

test("a chain of causes ends, even a circle", () => {
  const error = new Error("round");
  error.cause = error;
  const text = JSON.stringify(errorFields(error));
  assert.equal(text.match(/"message":"round"/g)?.length, 6);
});

test("the errors of an aggregate are reported, five at most", () => {
  const errors = Array.from({ length: 9 }, (_, index) => new Error(`number ${index}`));
  assert.equal(errorFields(new AggregateError(errors, "many")).errors?.length, 5);
});

test("codes and reasons are kept where they are text or numbers", () => {
  const error = Object.assign(new Error("refused"), { code: 403, reason: { deep: "hunter2" } });
  const fields = errorFields(error);
  assert.equal(fields.code, "403");
  assert.equal(fields.reason, undefined);
});

test("a value that cannot be read does no harm", () => {
  const hostile = new Error("x");
  Object.defineProperty(hostile, "message", {
    get() {
      throw new Error("no");
    },
  });
  assert.deepEqual(errorFields(hostile), { type: "unknown", message: "the thrown value cannot be read" });
  const withoutStack = new Error("bare");
  delete withoutStack.stack;
  assert.deepEqual(errorFields(withoutStack), { type: "Error", message: "bare" });
});
