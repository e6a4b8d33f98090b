import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { z } from "zod";
import { dnsLabel, dnsSubdomain, labels, labelValue, qualifiedName } from "../../src/config/kubernetes-rules.ts";

const of = (length: number) => "a".repeat(length);

const CASES: Readonly<
  Record<
    string,
    { readonly schema: z.ZodType; readonly valid: readonly unknown[]; readonly invalid: readonly unknown[] }
  >
> = {
  "a DNS label": {
    schema: dnsLabel,
    valid: ["a", "0", "lab-images", of(63)],
    invalid: ["", "-a", "a-", "A", "a.b", "a_b", of(64), "a\n", "ä", 1, null],
  },
  "a DNS subdomain": {
    schema: dnsSubdomain,
    valid: ["a", "0.b-c.d", of(253)],
    invalid: ["", ".a", "a.", "a..b", "a.-b", "a-.b", "A.b", "a_b", of(254), "a\n"],
  },
  "a qualified name": {
    schema: qualifiedName,
    valid: ["a", "A_b.c-D", "example.org/labs", `${of(253)}/${of(63)}`, "kubernetes.io/arch"],
    invalid: ["", "/a", "a/", "a/b/c", "Example.org/a", "_a", "a_", of(64), `${of(254)}/a`, "a b", "a\n", "a=b", "a,b"],
  },
  "the value of a label": {
    schema: labelValue,
    valid: ["", "a", "A_b.c-D", of(63)],
    invalid: ["-", "a-", "_a", ".a", of(64), "a b", "a/b", "a,b", "a\n", true],
  },
  labels: {
    schema: labels,
    valid: [{}, { a: "" }, { "example.org/labs": "true" }],
    invalid: [
      { "": "a" },
      { "a b": "a" },
      { a: "a b" },
      { a: 1 },
      [],
      Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`a${index}`, "b"])),
    ],
  },
};

describe("F65: Kubernetes' rules", () => {
  for (const [name, { schema, valid, invalid }] of Object.entries(CASES)) {
    test(`${name}: what the API server takes`, () => {
      for (const value of valid) assert.ok(schema.safeParse(value).success, JSON.stringify(value));
    });
    test(`${name}: what it refuses`, () => {
      for (const value of invalid) assert.ok(!schema.safeParse(value).success, JSON.stringify(value));
    });
  }
});
