import { timeOfDay, timeOfWeek } from "./calendar.ts";
import type { Tag, TagType, TagVersion } from "./tag.ts";
import { stripLeadingZeros } from "./text-order.ts";

/** What an empty tag means to a registry's clients. */
const DEFAULT_TAG = "latest";
const EXPERIMENTAL_PREFIX = "exp_";
const LETTER_R = 0x72;
const LETTER_W = 0x77;
const LETTER_D = 0x64;

// A tag comes from whoever may push, so every expression takes time linear in the tag: no two parts that can match the
// same text stand next to each other, but for the one lazy part, whose end only a `-` or the end of the tag can be.
const PARTS = String.raw`(?:_c(\d+)\.(\d+))?(?:_rsp(\d+))?(?:_(.+?))?(?:-([a-z0-9]+))?$`;
/** Candidates and releases: one expression, since a candidate whose parts do not fit is tried as a release. */
const RELEASE = new RegExp(String.raw`^r(\d+)_(\d+)_(\d+)(?:_rc(\d+))?${PARTS}`, "s");
const OBSOLETE_RELEASE = /^r(\d\d)(\d)$/;
const WEEKLY = new RegExp(String.raw`^w_(\d+)_(\d+)${PARTS}`, "s");
const DAILY = new RegExp(String.raw`^d_(\d+)_(\d+)_(\d+)${PARTS}`, "s");
const NAME = /^(.*?)(?:_c(\d+))?(?:-([a-z0-9]+))?$/s;

const OCI_TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const REFERRER = /^sha(?:256|512)-(?:[0-9a-f]{64}(?![0-9A-Za-z])|[0-9a-f]+\.(?:sig|att|sbom)$)/;

/**
 * Parses a tag by the grammar of SQR-059 (behaviour.md section 1). Total: what fits no form, or names a day or week that
 * does not exist, is of type UNKNOWN. An empty tag means `latest`. Numbers above 2^53 are rounded; the display name and
 * the order of tags keep all their digits.
 */
export function parseTag(tag: string): Tag {
  const text = tag === "" ? DEFAULT_TAG : tag;
  let start = 0;
  while (text.startsWith(EXPERIMENTAL_PREFIX, start) && text.length > start + EXPERIMENTAL_PREFIX.length) {
    start += EXPERIMENTAL_PREFIX.length;
  }
  if (start === 0) return parsePlain(text);
  const rest = parsePlain(text.slice(start));
  const displayName = "Experimental ".repeat(start / EXPERIMENTAL_PREFIX.length) + rest.displayName;
  return { ...rest, tag: text, type: "EXPERIMENTAL", displayName };
}

/** Whether this is a tag at all: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}` (OCI Distribution Specification, Pulling manifests). */
export function isValidTag(tag: string): boolean {
  return OCI_TAG.test(tag);
}

/**
 * Whether a tag can name an image that runs. Registries without the referrers API keep signatures, attestations and
 * SBOMs under `<algorithm>-<hex>`, with the tool's suffix (OCI Distribution Specification, Referrers Tag Schema; cosign).
 */
export function isRunnableTag(tag: string): boolean {
  return !REFERRER.test(tag);
}

/** The name of a tag outside the versioned forms: its base, with the cycle and the architecture that may end it. */
export interface NameParts {
  /** The shortest that fits; may be empty. */
  readonly base: string;
  readonly cycle: number | null;
  readonly architecture: string | null;
  /** What cycle and architecture add to the display name. */
  readonly suffix: string;
}

/** Splits the name of an alias or unknown tag. */
export function splitName(tag: string): NameParts {
  const match = NAME.exec(tag);
  const cycle = match?.[2] ?? null;
  const architecture = match?.[3] ?? null;
  const cycleName = cycle === null ? "" : ` (SAL Cycle ${cycle})`;
  return { base: match?.[1] ?? tag, cycle: toNumber(cycle), architecture, suffix: cycleName + bracketed(architecture) };
}

function parsePlain(tag: string): Tag {
  return parseVersioned(tag) ?? parseUnknown(tag);
}

function parseVersioned(tag: string): Tag | null {
  switch (tag.charCodeAt(0)) {
    case LETTER_R:
      return parseRelease(tag) ?? parseObsoleteRelease(tag);
    case LETTER_W:
      return parseWeekly(tag);
    case LETTER_D:
      return parseDaily(tag);
    default:
      return null;
  }
}

function parseRelease(tag: string): Tag | null {
  const match = RELEASE.exec(tag);
  if (match === null) return null;
  const [, major = "", minor = "", patch = "", rc] = match;
  const numbers = `r${stripLeadingZeros(major)}.${stripLeadingZeros(minor)}.${stripLeadingZeros(patch)}`;
  const prerelease = rc === undefined ? null : `rc${rc}`;
  const version = versionOf(Number(major), Number(minor), Number(patch), prerelease);
  return prerelease === null
    ? versioned(tag, "RELEASE", `Release ${numbers}`, version, null, match, 5)
    : versioned(tag, "RELEASE_CANDIDATE", `Release Candidate ${numbers}-${prerelease}`, version, null, match, 5);
}

function parseObsoleteRelease(tag: string): Tag | null {
  const match = OBSOLETE_RELEASE.exec(tag);
  if (match === null) return null;
  const version = versionOf(Number(match[1]), Number(match[2]), 0, null);
  return versioned(tag, "RELEASE", `Release r${version.major}.${version.minor}.0`, version, null, match, 3);
}

function parseWeekly(tag: string): Tag | null {
  const match = WEEKLY.exec(tag);
  if (match === null) return null;
  const [, year = "", week = ""] = match;
  const date = timeOfWeek(Number(year), Number(week));
  if (date === null) return null;
  return versioned(
    tag,
    "WEEKLY",
    `Weekly ${year}_${week}`,
    versionOf(Number(year), Number(week), 0, null),
    date,
    match,
    3,
  );
}

function parseDaily(tag: string): Tag | null {
  const match = DAILY.exec(tag);
  if (match === null) return null;
  const [, year = "", month = "", day = ""] = match;
  const date = timeOfDay(Number(year), Number(month), Number(day));
  if (date === null) return null;
  const version = versionOf(Number(year), Number(month), Number(day), null);
  return versioned(tag, "DAILY", `Daily ${year}_${month}_${day}`, version, date, match, 4);
}

function versionOf(major: number, minor: number, patch: number, prerelease: string | null): TagVersion {
  return { major, minor, patch, prerelease, build: null };
}

/** A tag of a versioned form; the groups of PARTS start at `first`. */
function versioned(
  tag: string,
  type: TagType,
  name: string,
  version: TagVersion,
  date: number | null,
  match: RegExpExecArray,
  first: number,
): Tag {
  const cycle = match[first] ?? null;
  const cycleBuild = match[first + 1] ?? null;
  const build = match[first + 2] ?? null;
  const extra = match[first + 3] ?? null;
  const architecture = match[first + 4] ?? null;
  let displayName = name;
  if (cycle !== null) displayName += ` (SAL Cycle ${cycle}, Build ${cycleBuild})`;
  if (build !== null) displayName += ` (RSP Build ${build})`;
  displayName += bracketed(extra) + bracketed(architecture);
  return {
    tag,
    type,
    displayName,
    version,
    semantic: date === null,
    base: null,
    cycle: toNumber(cycle),
    cycleBuild: toNumber(cycleBuild),
    build: toNumber(build),
    extra,
    architecture,
    date,
  };
}

function parseUnknown(tag: string): Tag {
  const { base, cycle, architecture, suffix } = splitName(tag);
  return {
    tag,
    type: "UNKNOWN",
    displayName: base + suffix,
    version: null,
    semantic: false,
    base,
    cycle,
    cycleBuild: null,
    build: null,
    extra: null,
    architecture,
    date: null,
  };
}

function bracketed(part: string | null): string {
  return part === null ? "" : ` [${part}]`;
}

function toNumber(digits: string | null): number | null {
  return digits === null ? null : Number(digits);
}
