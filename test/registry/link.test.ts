import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { LinkFormError, nextLink } from "../../src/registry/oci/link.ts";

describe("Link", () => {
  it("finds the next page among other relations", () => {
    const cases: [string, string | null][] = [
      ['</v2/a/tags/list?last=b&n=2>; rel="next"', "/v2/a/tags/list?last=b&n=2"],
      ["<?last=x,y>;rel=next", "?last=x,y"],
      [
        '<https://r.example/a>; rel="prev", <https://r.example/b>; title="a, <b>; rel=prev"; REL="first next"',
        "https://r.example/b",
      ],
      ['</a>; rel="prev"', null],
      ["</a>", null],
      ["", null],
    ];
    for (const [header, expected] of cases) assert.equal(nextLink(header), expected, header);
  });

  it("refuses what it cannot read instead of taking it for the last page", () => {
    for (const header of ["/v2/next", "<a", '<a>; rel="next', "<a>; rel=prev </b>; rel=next"]) {
      assert.throws(() => nextLink(header), LinkFormError, header);
    }
  });

  it("answers or refuses any text in time", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>;=", relnxt\\'), maxLength: 300 }), (text) => {
        try {
          nextLink(text);
        } catch (error) {
          assert.ok(error instanceof LinkFormError);
        }
      }),
    );
    const started = performance.now();
    for (const hostile of [";a=".repeat(5_000), ' ;a="'.repeat(5_000), ";a".repeat(5_000), `${";a".repeat(5_000)}\\`]) {
      try {
        nextLink(`<x>${hostile}`);
      } catch (error) {
        assert.ok(error instanceof LinkFormError);
      }
    }
    assert.ok(performance.now() - started < 2_000);
  });
});
