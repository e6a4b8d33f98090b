import { UnknownImageError } from "../../src/domain/errors.ts";
import { IMAGE_CLASSES } from "../../src/domain/images/image.ts";
import type {
  ImageList,
  Menu,
  NodeMissingImages,
  NodeStatus,
  PrepullImages,
} from "../../src/domain/snapshot/answers.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { onlyCatalog } from "./image-world.ts";

/** Every answer that a snapshot gives, at some moment. */
export interface SnapshotAnswers {
  readonly images: ImageList;
  readonly menu: Menu;
  readonly missing: readonly NodeMissingImages[];
  readonly prepull: PrepullImages;
  readonly nodes: readonly NodeStatus[];
  /** What look-ups find, by what was looked up; "unknown" where they find nothing. */
  readonly lookUps: Readonly<Record<string, unknown>>;
}

/** Asks a snapshot for everything; look-ups for these tags and digests, and for all combinations of both. */
export function answersOf(
  snapshot: Snapshot,
  now: number,
  tags: readonly string[],
  digests: readonly string[],
): SnapshotAnswers {
  const lookUps: Record<string, unknown> = {};
  const ask = (name: string, look: () => unknown): void => {
    lookUps[name] = answerOf(look);
  };
  const catalog = onlyCatalog(snapshot);
  const repository = `${catalog.registry}/${catalog.repository}`;
  for (const imageClass of IMAGE_CLASSES) ask(imageClass, () => snapshot.imageForClass(imageClass));
  for (const tag of tags) {
    ask(`:${tag}`, () => snapshot.imageForTag(tag));
    for (const digest of digests) {
      ask(`:${tag}@${digest}`, () => snapshot.imageForReference(`${repository}:${tag}@${digest}`));
      ask(`${tag} is ${digest}`, () => snapshot.imageResolvedNow(tag, { tag, digest, sizeBytes: null }));
    }
  }
  for (const digest of digests) ask(`@${digest}`, () => snapshot.imageForReference(`${repository}@${digest}`));
  return {
    images: snapshot.images(),
    menu: snapshot.menu(now),
    missing: snapshot.missing(),
    prepull: snapshot.prepullImages(),
    nodes: snapshot.nodes(),
    lookUps,
  };
}

function answerOf(look: () => unknown): unknown {
  try {
    return look();
  } catch (error) {
    if (error instanceof UnknownImageError) return "unknown";
    throw error;
  }
}
