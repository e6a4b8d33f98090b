import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nextQuery } from "../../src/registry/oci/link.ts";

describe("Link", () => {
  it("F4: gives the query of the next page, whatever stands before it", () => {
    const cases: [string, string | null][] = [
      ['</v2/a/tags/list?last=b&n=2>; rel="next"', "?last=b&n=2"],
      ["<?last=x,y>;rel=next", "?last=x,y"],
      ['<http://other.example/inner/v2/a/tags/list?last=b#top>; rel="next"', "?last=b"],
      ['<https://r.example/a?a>; rel="prev", <b?b>; title="a, <b>; rel=prev"; REL="first next"', "?b"],
      ['</a?b>; rel="prev"', null],
      ["</a?b>", null],
      ['</a>; rel="next"', null],
      ['<>; rel="next"', null],
      ['<?>; rel="next"', null],
      ["", null],
    ];
    for (const [header, expected] of cases) assert.equal(nextQuery(header), expected, header);
  });

  it("takes what it cannot read for none", () => {
    for (const header of ["/v2/next?a", "<a?a", '<a?a>; rel="next', "<a?a>; rel=prev </b?b>; rel=next"]) {
      assert.equal(nextQuery(header), null, header);
    }
  });

  it("reads any text in time", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>;=", relnxt\\?'), maxLength: 300 }), (text) => {
        assert.match(nextQuery(text) ?? "?", /^\?/);
      }),
    );
    const started = performance.now();
    for (const hostile of [";a=".repeat(5_000), ' ;a="'.repeat(5_000), ";a".repeat(5_000), `${";a".repeat(5_000)}\\`]) {
      nextQuery(`<x>${hostile}`);
    }
    assert.ok(performance.now() - started < 2_000);
  });
});
