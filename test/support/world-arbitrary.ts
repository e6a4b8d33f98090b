import fc from "fast-check";
import type { RemoteTag } from "../../src/domain/remote-tag.ts";
import type { DropdownPolicy, FilterPolicy, ImageSettings } from "../../src/domain/settings.ts";
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

const anyRemoteTag: fc.Arbitrary<RemoteTag> = fc.record({
  tag: fc.constantFrom(...TAGS),
  digest: fc.option(anyDigest, { freq: 4 }),
  sizeBytes: fc.option(fc.constantFrom(0, 5, 900), { freq: 2 }),
});

/** What a registry lists, and what it says when it is asked for the tags whose digest it did not tell. */
export const anyListing: fc.Arbitrary<readonly [readonly RemoteTag[], readonly RemoteTag[]]> = fc.tuple(
  fc.array(anyRemoteTag, { maxLength: 25 }),
  fc.uniqueArray(fc.record({ tag: fc.constantFrom(...TAGS), digest: anyDigest, sizeBytes: fc.constant(null) }), {
    selector: ({ tag }) => tag,
    maxLength: 25,
  }),
);

/** Settings by which some of the tags are in the prepull set. */
export const anySettings: fc.Arbitrary<ImageSettings> = fc
  .record({
    recommendedTag: fc.constantFrom("recommended", "w_2077_43", "r29_0_0-amd64"),
    numReleases: fc.nat(2),
    numWeeklies: fc.nat(3),
    numDailies: fc.nat(3),
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
