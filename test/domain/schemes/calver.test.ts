import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createCalverScheme } from "../../../src/domain/schemes/calver.ts";
import { SchemeError } from "../../../src/domain/schemes/scheme-error.ts";
import { DOCKER_STACKS, PANGEO } from "./tag-lists.ts";
import { readInOrder, readTags, versionsOf } from "./tag-reading.ts";

test("docker-stacks: the dates are versions, and whatever else a build is tagged with is not", () => {
  const scheme = createCalverScheme("YYYY-MM-DD");
  const options = { ignore: ["(x86_64|aarch64)-.*"], aliases: ["latest", "python-.*"] };
  assert.deepEqual(versionsOf(scheme, DOCKER_STACKS, options).slice(0, 3), ["2026-08-10", "2026-07-28", "2026-02-19"]);
  const classes = readTags(scheme, DOCKER_STACKS, options).filter((tag) => !tag.ranked);
  assert.deepEqual(
    classes.map((tag) => `${tag.tag} ${tag.class}`),
    [
      "hub-1.5.0 other",
      "hub-5.2.1 other",
      "hub-6.0.1 other",
      "lab-3.1.12 other",
      "lab-4.0.7 other",
      "lab-4.5.3 other",
      "latest alias",
      "python-3.11 alias",
    ],
  );
});

test("pangeo: the dates are versions", () => {
  const scheme = createCalverScheme("YYYY.0M.0D[-vMICRO]");
  assert.deepEqual(versionsOf(scheme, PANGEO, { aliases: ["latest"] }), PANGEO.slice(0, -1).toReversed());
});

for (const { format, newestFirst, other } of [
  {
    format: "YYYY.MM.DD",
    newestFirst: ["2026.10.1", "2026.9.30", "2026.8.2 2026.8.02 2026.08.02"],
    other: ["2026.009.1"],
  },
  { format: "YYYY.0M.0D[-vMICRO]", newestFirst: ["2026.11.03-v1", "2026.11.03"], other: ["2026.06.31", "2026.8.2"] },
  { format: "YYYY.WW", newestFirst: ["2026.53", "2026.9", "2020.53"], other: ["2025.53", "2026.54", "2026.0"] },
  { format: "YYYYMMDD", newestFirst: ["20261101"], other: ["2026111", "20261301"] },
  { format: "YY.0M[.MICRO]", newestFirst: ["26.04", "24.10", "24.04.10", "24.04.2", "24.04", "9.04"], other: ["24.4"] },
  { format: "MAJOR.YYYY0M0D", newestFirst: ["10.20250101", "2.20260102", "2.20260101"], other: ["20260101"] },
  { format: "DD-MM-YYYY", newestFirst: ["2-11-2026 02-11-2026", "31-10-2026"], other: ["30-02-2026"] },
  { format: "YYYY[.MM]", newestFirst: ["2026.1", "2026", "2025.12"], other: ["2026.1.1"] },
  { format: "YYYY.MINOR.MICRO", newestFirst: ["2026.1.10", "2026.1.9", "2026.0.11"], other: ["2026.1"] },
]) {
  test(`${format} is compared part by part, the date as one`, () => {
    const scheme = createCalverScheme(format);
    assert.deepEqual(
      versionsOf(scheme, [...other, ...newestFirst.toReversed().flatMap((tags) => tags.split(" "))]),
      newestFirst,
    );
  });
}

test("a variant follows after - or _ and begins with a letter", () => {
  const scheme = createCalverScheme("YYYY.MM");
  const tags = readTags(scheme, ["2026.11-gpu", "2026.11_py3.12", "2026.11-28", "2026.11.03", "2026.11gpu"]);
  assert.deepEqual(
    tags.map(({ variant, class: ofClass }) => [variant, ofClass]),
    [
      ["gpu", "release"],
      ["py3.12", "release"],
      [null, "other"],
      [null, "other"],
      [null, "other"],
    ],
  );
});

test("variants of one version stand together, without first, digits as numbers", () => {
  const scheme = createCalverScheme("YYYY");
  const newestFirst = [
    "2026",
    "2026-cuda13-py3.13",
    "2026-cuda13-py3.9",
    "2026-cuda12.10",
    "2026-cuda12.9",
    "2026-cpu",
  ];
  assert.deepEqual(versionsOf(scheme, newestFirst.toReversed()), [newestFirst.join(" ")]);
});

test("dates are the first of a year or month and the Thursday of a week, in UTC", () => {
  const dateOf = (format: string, tag: string) =>
    new Date(readTags(createCalverScheme(format), [tag])[0]?.date ?? Number.NaN).toISOString().slice(0, 10);
  assert.equal(dateOf("YYYY", "2026"), "2026-01-01");
  assert.equal(dateOf("YYYY.MM", "2026.11"), "2026-11-01");
  assert.equal(dateOf("YYYY.WW", "2026.46"), "2026-11-12");
  assert.equal(dateOf("YY.MM.DD", "26.11.27"), "2026-11-27");
});

test("a date is read back as it was written", () => {
  const scheme = createCalverScheme("YYYY-0M-0D");
  const days = fc.date({ min: new Date("1970-01-01"), max: new Date("9999-12-31"), noInvalidDate: true });
  fc.assert(
    fc.property(days, (day) => {
      const written = day.toISOString().slice(0, 10);
      const [tag] = readTags(scheme, [written]);
      assert.equal(new Date(tag?.date ?? Number.NaN).toISOString().slice(0, 10), written);
    }),
  );
});

test("a number of the version is there for ranges where the format has MAJOR", () => {
  const scheme = createCalverScheme("MAJOR.MINOR.YYYY");
  assert.deepEqual(readTags(scheme, ["5.2.2026"])[0]?.version, {
    major: 5,
    minor: 2,
    patch: 0,
    prerelease: null,
    build: null,
  });
  assert.equal(scheme.abilities(null).minor, true);
  assert.equal(createCalverScheme("YYYY.MINOR").abilities(null).major, false);
});

for (const format of [
  "",
  "MAJOR.MINOR",
  "[YYYY]",
  "YYYY.DD",
  "YYYY.MM.WW",
  "YYYY.YY",
  "YYYY[",
  "YYYY]",
  "YYYY[[MM]]",
  "YYYY MM",
  "YYYY.MAJORMINOR",
  "YYYY/MM",
]) {
  test(`the format ${JSON.stringify(format)} is refused with a reason`, () => {
    assert.throws(() => createCalverScheme(format), SchemeError);
  });
}

test("the reader leaves tags that are no date to the class other", () => {
  assert.deepEqual(readInOrder(createCalverScheme("YYYY-MM-DD"), ["main", "2026-11-23"]), [
    "2026-11-23 release",
    "main other",
  ]);
});

test("in a variant digits are below all other characters, and runs of them are numbers", () => {
  const scheme = createCalverScheme("YYYY");
  const newestFirst = ["2026-cu-x", "2026-cu12-b", "2026-cu12-a", "2026-cu12", "2026-cu9", "2026-cu"];
  assert.deepEqual(versionsOf(scheme, newestFirst.toReversed()), [newestFirst.join(" ")]);
});
