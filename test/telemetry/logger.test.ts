import assert from "node:assert/strict";
import { test } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { memorySink } from "./memory-sink.ts";

function parse(line: string | undefined): Record<string, unknown> {
  const value: unknown = JSON.parse(line ?? "null");
  assert.ok(typeof value === "object" && value !== null);
  return Object.fromEntries(Object.entries(value));
}

test("in production a line is JSON with the level's name, an RFC 3339 time, the component and the fields", async () => {
  const destination = memorySink();
  const logger = createLogger({ level: "info", profile: "production", destination });
  logger.debug({}, "not this");
  logger.child({ component: "registry" }).warn({ tags: 3 }, "something");
  const { time, ...rest } = parse(destination.lines[0]);
  assert.equal(destination.lines.length, 1);
  assert.deepEqual(rest, { level: "warn", component: "registry", tags: 3, msg: "something" });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(logger.dropped(), 3);
  await logger.flush();
});

test("no key stands in a line twice, and what a peer says is cut (F53b)", () => {
  const destination = memorySink();
  const logger = createLogger({ level: "info", profile: "production", destination });
  logger
    .child({ component: "a" })
    .child({ component: "b" })
    .info({ component: "c", time: 1, level: "x", msg: "y" }, "z");
  const [line = ""] = destination.lines;
  assert.equal(JSON.stringify(JSON.parse(line)), line.trimEnd());
  assert.equal(parse(line)["component"], "c");
  const cause = new Error("<html>".repeat(10_000));
  logger.warn({ err: new RegistryUnavailableError("it answers nonsense", cause) }, "failed");
  assert.ok((destination.lines[1] ?? "").length < 600);
});

test("in development a line is for people", () => {
  const destination = memorySink();
  const logger = createLogger({ level: "debug", profile: "development", destination });
  logger.debug({ tags: 3 }, "something");
  logger.info({}, "else");
  assert.match(destination.lines.join(""), /DEBUG.*something\n.*tags: 3\n.*INFO.*else\n/s);
});

test("errors keep message, stack and causes, and lose what looks like a secret", () => {
  const destination = memorySink();
  const logger = createLogger({ level: "info", profile: "production", destination });
  const cause = new TypeError("GET https://user:hunter2@r.example.org/v2/ failed: Authorization: Bearer abc.def-123");
  logger.error({ err: new RegistryUnavailableError("the registry does not answer", cause) }, "failed");
  const line = destination.lines[0] ?? "";
  assert.doesNotMatch(line, /hunter2|abc\.def/);
  const { err } = parse(line);
  assert.match(
    JSON.stringify(err),
    /RegistryUnavailableError.*does not answer.*REGISTRY_UNAVAILABLE.*TypeError.*\[redacted\]@r\.example\.org/,
  );
  assert.doesNotMatch(line, /logger\.test\.ts/, "an expected failure has no stack trace");
  logger.error({ err: new TypeError("x is not a function") }, "bug");
  assert.match(destination.lines[1] ?? "", /logger\.test\.ts/);
});

test("fields that are named like secrets are not written, and texts are cleaned", () => {
  const destination = memorySink();
  const logger = createLogger({ level: "info", profile: "production", destination });
  logger.info({ token: "hunter2", request: { headers: { a: "hunter2" } }, url: "https://u:hunter2@r.io/" }, "x");
  logger.info({ count: 5n, undefinedField: undefined }, "numbers that JSON does not have");
  assert.doesNotMatch(destination.lines.join(""), /hunter2/);
  assert.equal(destination.lines.length, 2);
});
