import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { InvalidReferenceError } from "../../src/domain/errors.ts";
import { formatReference, parseReference } from "../../src/domain/images/reference.ts";

test("a reference has registry, repository, and perhaps tag and digest", () => {
  assert.deepEqual(parseReference("localhost:5000/a/b:w_2077_43@sha256:1a2b"), {
    registry: "localhost:5000",
    repository: "a/b",
    tag: "w_2077_43",
    digest: "sha256:1a2b",
  });
  assert.deepEqual(parseReference("lsstsqre/lab"), {
    registry: "lsstsqre",
    repository: "lab",
    tag: null,
    digest: null,
  });
  assert.equal(parseReference("r.io/lab@sha256:1a2b").tag, null);
});

test("other texts are refused, and the caller learns what was expected", () => {
  for (const [text, reason] of [
    ["", /no "\/"/],
    ["lab:w_2077_43", /no "\/"/],
    ["/lab", /registry is empty/],
    ["r.io/", /repository.* is empty/],
    ["r.io/:tag", /repository.* is empty/],
    ["r.io/a//b", /component of it, is empty/],
    ["r.io/a/", /component of it, is empty/],
    ["r.io/lab:", /tag is empty/],
    ["r.io/lab:@sha256:1a", /tag is empty/],
    ["r.io/lab:t@", /digest is empty/],
    [`r.io/${"a".repeat(1020)}`, /more than 1024 characters/],
  ] as const) {
    assert.throws(
      () => parseReference(text),
      (error) =>
        error instanceof InvalidReferenceError &&
        error.message.includes("registry/repository[:tag][@digest]") &&
        reason.test(error.message),
      text,
    );
  }
});

test("white space, controls and characters that hide are refused, and not repeated", () => {
  for (const bad of [" ", "\n", "\t", "\0", "\u0085", "\u00a0", "\u3000", "\u200b", "\u202e", "\ud800"]) {
    for (const text of [`${bad}r.io/lab`, `r.io/l${bad}ab:t`, `r.io/lab:t@sha256:1a${bad}`]) {
      assert.throws(
        () => parseReference(text),
        (error) =>
          error instanceof InvalidReferenceError && !error.message.endsWith(bad) && error.field === "reference",
      );
    }
  }
});

test("parts that are written are read back", () => {
  const component = fc.string({ unit: fc.constantFrom("a", "Z", "0", ".", "_", "-"), minLength: 1, maxLength: 20 });
  const parts = fc.record({
    registry: fc.tuple(component, fc.constantFrom("", ":5000")).map(([host, port]) => host + port),
    repository: fc.array(component, { minLength: 1, maxLength: 4 }).map((components) => components.join("/")),
    tag: fc.option(component),
    digest: fc.option(component.map((hex) => `sha256:${hex}`)),
  });
  fc.assert(
    fc.property(parts, (reference) => {
      assert.deepEqual(parseReference(formatReference(reference)), { ...reference });
    }),
  );
});

test("whatever is accepted is written back as it was, and nothing else is thrown", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "/", ":", "@", ".", "\n"), maxLength: 16 });
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: "binary" })), (input) => {
      try {
        assert.equal(formatReference(parseReference(input)), input);
      } catch (error) {
        if (!(error instanceof InvalidReferenceError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
