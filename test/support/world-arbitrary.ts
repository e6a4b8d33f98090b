import fc from "fast-check";
import type { DropdownPolicy, FilterPolicy, ImageSettings } from "../../src/domain/settings.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import { digest, imageSettings } from "./image-world.ts";

/** Tags of every type, some of one build under several names, few enough to meet again. */
const TAGS = [
  ...["recommended", "latest_weekly", "latest-arm64", "zebra", "zebra-amd64", "Foo_c0045"],
  ...["r29_0_0", "r28_0_0", "r28_0_0_c0045.001", "r29_0_0_rc1", "r29_0_0_rc10", "r29_0_0-amd64"],
  ...["w_2077_43", "w_2077_42", "w_2077_41_c0045.002", "w_2077_43-arm64", "w_2077_43-x86"],
  ...["d_2077_10_23", "d_2077_10_22", "d_2077_10_21_rsp19", "exp_w_2077_43_me", "exp_other"],
];
/** The short names of the digests: fewer than tags, so that tags share them. */
const DIGESTS = ["aa1", "ab1", "ba1", "bb2", "ca2", "cb3"];
/** When the worlds live, milliseconds since the epoch: a little after the youngest tag. */
export const WORLD_TIME = Date.UTC(2077, 9, 28);
const DAY = 86_400_000;

/** The digest of an image of these worlds. */
export const anyDigest: fc.Arbitrary<string> = fc.constantFrom(...DIGESTS).map(digest);

/** A tag of these worlds, or one that never is. */
export const anyTag: fc.Arbitrary<string> = fc.constantFrom(...TAGS, "missing", "");

/** Every digest of these worlds. */
export const ALL_DIGESTS: readonly string[] = DIGESTS.map(digest);

/**
 * What a registry lists, and what it says when it is asked for the tags whose digest it did not tell. Two of them have
 * most in common, as two refreshes have: a few tags have gone, moved to another digest, or have another size.
 */
export const anyListing: fc.Arbitrary<readonly [readonly RemoteTag[], readonly RemoteTag[]]> = fc
  .record({
    absent: fc.subarray(TAGS, { maxLength: 5 }),
    moved: fc.dictionary(fc.constantFrom(...TAGS), anyDigest, { maxKeys: 4 }),
    sizes: fc.dictionary(fc.constantFrom(...TAGS), fc.constantFrom(0, 5, 900), { maxKeys: 3 }),
    unreported: fc.subarray(TAGS, { maxLength: 4 }),
    vanished: fc.subarray(TAGS, { maxLength: 3 }),
  })
  .map(({ absent, moved, sizes, unreported, vanished }) => {
    const known = TAGS.map((tag, at) => ({
      tag,
      digest: moved[tag] ?? ALL_DIGESTS[at % ALL_DIGESTS.length] ?? null,
      sizeBytes: sizes[tag] ?? null,
    })).filter(({ tag }) => !absent.includes(tag));
    const listed = known.map((entry) => (unreported.includes(entry.tag) ? { ...entry, digest: null } : entry));
    return [listed, known.filter(({ tag }) => unreported.includes(tag) && !vanished.includes(tag))];
  });

/** Settings by which some of the tags are in the prepull set. */
export const anySettings: fc.Arbitrary<ImageSettings> = fc
  .record({
    recommendedTag: fc.constantFrom("recommended", "w_2077_43", "r29_0_0-amd64"),
    numReleases: fc.nat(2),
    numWeeklies: fc.nat(2),
    numDailies: fc.nat(2),
    cycle: fc.option(fc.constant(45), { freq: 5 }).map((cycle) => cycle ?? null),
    pin: fc.subarray(["zebra", "zebra-amd64", "w_2077_43-arm64", "w_2077_43-x86", "d_2077_10_22"]),
    aliasTags: fc.subarray(["latest_weekly", "latest-arm64"]),
  })
  .map((changes) => imageSettings(changes));

const anyFilter: fc.Arbitrary<FilterPolicy> = fc.record({
  number: fc.option(fc.nat(2)),
  age: fc.option(fc.constantFrom(5 * DAY, 6 * DAY, 30 * DAY)),
  cutoffBuild: fc.option(fc.constant(20), { freq: 1 }),
  cutoffDate: fc.option(fc.constant(Date.UTC(2077, 9, 22)), { freq: 1 }),
  cutoffVersion: fc.option(fc.constant("28.5.0"), { freq: 1 }),
});

/** A filter for the dropdown. */
export const anyDropdown: fc.Arbitrary<DropdownPolicy> = fc.record(
  { release: anyFilter, weekly: anyFilter, daily: anyFilter, releaseCandidate: anyFilter, experimental: anyFilter },
  { requiredKeys: [] },
);
