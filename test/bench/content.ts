import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";

/** How large a world is. */
export interface WorldSize {
  readonly tags: number;
  readonly nodes: number;
  readonly imagesPerNode: number;
}

const DAY = 86_400_000;
const LATEST_DAY = Date.UTC(2077, 9, 23);
const GIGABYTE = 1_000_000_000;
/** Different images that the nodes of a world have in all. */
const IMAGES_ON_NODES = 600;

/**
 * So many different tags as a registry of lab images has them after years: dailies, weeklies, releases and candidates,
 * many of them again for a cycle or an architecture, experimental builds, aliases, and what fits no form.
 */
export function tagNames(count: number): readonly string[] {
  const names = ["recommended", "latest_weekly", "latest_daily", "latest_release"];
  for (let number = 0; names.length < count; number++) names.push(...namesOfOneDay(number));
  return names.slice(0, count);
}

/** The tags of one day, and of the week and the release that go with it. */
function namesOfOneDay(number: number): readonly string[] {
  const day = new Date(LATEST_DAY - number * DAY).toISOString().slice(0, 10).replaceAll("-", "_");
  const week = `w_${2077 - Math.floor(number / 52)}_${String(52 - (number % 52)).padStart(2, "0")}`;
  const release = `r${400 - Math.floor(number / 20)}_${Math.floor(number / 4) % 5}_${number % 4}`;
  return [
    ...[`d_${day}`, `d_${day}_c00${40 + (number % 9)}.00${number % 10}`, `d_${day}-arm64`],
    ...[week, `${week}_rsp${number % 30}`, release, `${release}_rc${number % 12}`],
    ...[`exp_${week}_feature_${number}`, `exp_d_${day}-amd64`, `branch_${number}_c00${40 + (number % 9)}`],
  ];
}

/** A digest that stands for a number: hexadecimal and evenly spread, as real ones are. */
export function digestOf(number: number): string {
  let state = (number * 2_654_435_761 + 12_345) >>> 0;
  let hex = "";
  while (hex.length < 64) {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + 0x9e37_79b9) >>> 0;
    hex += state.toString(16).padStart(8, "0");
  }
  return parsed(`sha256:${hex}`);
}

/** The same text as it comes out of a parser: in one piece, not as the parts that it was put together from. */
function parsed<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** A listing that tells digests and sizes, as Google Artifact Registry's does; every eighth tag shares its digest. */
export function googleListing(count: number): readonly RemoteTag[] {
  const digest = (at: number) => digestOf(at % 8 === 7 ? at - 4 : at);
  return parsed(tagNames(count).map((tag, at) => ({ tag, digest: digest(at), sizeBytes: 4 * GIGABYTE + at })));
}

/** A listing without digests, as any OCI registry's. */
export function dockerListing(count: number): readonly RemoteTag[] {
  return parsed(tagNames(count).map((tag) => ({ tag, digest: null, sizeBytes: null })));
}

/**
 * Which of the images of the whole cluster one node has, by number from 0 to 599, the first being those of the prepull
 * set: most nodes have those, and then some fifty others that they share with a few nodes each.
 */
export function imagesOnNode(node: number, count: number): readonly number[] {
  const numbers = new Set<number>();
  for (let image = 0; image < 12 && numbers.size < count; image++) if ((node + image) % 10 !== 0) numbers.add(image);
  for (let step = 0; numbers.size < count; step++) numbers.add((node * 13 + step * 7) % IMAGES_ON_NODES);
  return [...numbers];
}

/** The name of a node of a world. */
export function nodeName(number: number): string {
  return `node-${String(number).padStart(5, "0")}`;
}

/** The size in bytes that nodes report for an image, by its number. */
export function sizeOnNodes(image: number): number {
  return 9 * GIGABYTE + image;
}
