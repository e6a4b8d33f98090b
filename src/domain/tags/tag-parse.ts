import { stripLeadingZeros } from "../text-order.ts";
import { timeOfDay, timeOfWeek } from "./calendar.ts";
import type { Tag, TagType, TagVersion } from "./tag.ts";
import { DAILY, EXPERIMENTAL, NAME, OBSOLETE_RELEASE, PART_START, RELEASE, restStart, WEEKLY } from "./tag-grammar.ts";

/** What an empty tag means to a registry's clients. */
const DEFAULT_TAG = "latest";
const LETTER_R = 0x72;
const LETTER_W = 0x77;
const LETTER_D = 0x64;

const OCI_TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const REFERRER = /^sha(?:256|512)-(?:[0-9a-f]{64}(?![0-9A-Za-z])|[0-9a-f]+\.(?:sig|att|sbom)$)/;

/**
 * Parses a tag by the grammar of SQR-059 (docs/spec/tags.md). Total: what fits no form, or names a day or week that
 * does not exist, is of type UNKNOWN. An empty tag means `latest`. Numbers above 2^53 are rounded; the display name and
 * the order of tags keep all their digits.
 */
export function parseTag(tag: string): Tag {
  const text = tag === "" ? DEFAULT_TAG : tag;
  const start = restStart(text);
  if (start === 0) return parsePlain(text);
  const rest = parsePlain(text.slice(start));
  const displayName = "Experimental ".repeat(start / EXPERIMENTAL.length) + rest.displayName;
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
  const major = match[1] ?? "";
  const minor = match[2] ?? "";
  const patch = match[3] ?? "";
  const prerelease = match[4] === undefined ? null : `rc${match[4]}`;
  const numbers = `r${stripLeadingZeros(major)}.${stripLeadingZeros(minor)}.${stripLeadingZeros(patch)}`;
  const type = prerelease === null ? "RELEASE" : "RELEASE_CANDIDATE";
  const name = prerelease === null ? `Release ${numbers}` : `Release Candidate ${numbers}-${prerelease}`;
  const version = versionOf(Number(major), Number(minor), Number(patch), prerelease);
  return versioned(tag, type, name, version, null, match, PART_START.release);
}

function parseObsoleteRelease(tag: string): Tag | null {
  const match = OBSOLETE_RELEASE.exec(tag);
  if (match === null) return null;
  const version = versionOf(Number(match[1]), Number(match[2]), 0, null);
  const name = `Release r${version.major}.${version.minor}.0`;
  return versioned(tag, "RELEASE", name, version, null, match, match.length);
}

function parseWeekly(tag: string): Tag | null {
  const match = WEEKLY.exec(tag);
  if (match === null) return null;
  const year = Number(match[1]);
  const week = Number(match[2]);
  const date = timeOfWeek(year, week);
  if (date === null) return null;
  const name = `Weekly ${match[1]}_${match[2]}`;
  return versioned(tag, "WEEKLY", name, versionOf(year, week, 0, null), date, match, PART_START.weekly);
}

function parseDaily(tag: string): Tag | null {
  const match = DAILY.exec(tag);
  if (match === null) return null;
  const year = Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  const date = timeOfDay(year, month, day);
  if (date === null) return null;
  const name = `Daily ${match[1]}_${match[2]}_${match[3]}`;
  return versioned(tag, "DAILY", name, versionOf(year, month, day, null), date, match, PART_START.daily);
}

function versionOf(major: number, minor: number, patch: number, prerelease: string | null): TagVersion {
  return { major, minor, patch, prerelease, build: null };
}

/** A tag of a versioned form; its optional parts are the groups from `first` on. */
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
