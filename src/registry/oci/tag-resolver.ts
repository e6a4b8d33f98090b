import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import { nameList } from "../../domain/name-list.ts";
import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import type { Logger } from "../../ports.ts";
import type { TagAnswer, TagAnswerOptions } from "./tag-answer.ts";
import { askTags, type TagAnswers, throwFailures } from "./tag-answers.ts";
import { isMostOf } from "./vanished-tags.ts";

/** Refreshes in a row in which a tag fails, while others do not, after which it fails by itself. */
const LASTING_FAILURES = 3;

export interface TagResolverOptions extends TagAnswerOptions {
  readonly logger: Logger;
  /** Lists the tags of the repository. */
  readonly list: (signal: AbortSignal) => Promise<readonly string[]>;
}

/** Finds the digests of the prepull set's tags, refresh by refresh; it remembers those of the last one. */
export interface TagResolver {
  /**
   * The tags of one refresh with their digests, without those that are proven absent. A tag that the registry does not
   * give out has a `fault` and its last known digest (field case F8). Rejects where the registry itself is at fault.
   */
  resolve(tags: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RemoteTag>>;
}

/** Why a tag is not given out; null where it is, or is absent. */
function faultOf(answer: TagAnswer): string | null {
  return answer.kind === "refused" || answer.kind === "unusable" ? answer.reason : null;
}

/**
 * What the registry says of every tag alike it says of itself. One tag alone shows that only where credentials or the
 * way to the registry are in question.
 */
function checkRefusals(answers: ReadonlyMap<string, TagAnswer>, host: string): void {
  const [first] = answers.values();
  if (first?.kind !== "refused" || [...answers.values()].some(({ kind }) => kind !== "refused")) return;
  if (answers.size === 1 && ![403, 404].includes(first.status)) return;
  const place = `tag ${nameList([...answers.keys()])}`;
  if (first.status === 403) throw new RegistryDeniedError(`${place}: ${host} refuses access to the manifest (403)`);
  throw new RegistryUnavailableError(`${place}: ${host} answers ${first.status} where a manifest was expected`);
}

export function createTagResolver(options: TagResolverOptions): TagResolver {
  const { logger, list } = options;
  const { host } = new URL(options.origin);
  /** Of the last refresh that succeeded: the digests of its tags, and what was wrong with some. */
  let digests: ReadonlyMap<string, string> = new Map();
  let faults: ReadonlyMap<string, string> = new Map();
  /** In how many refreshes running each tag has failed while others have not. */
  let streaks: ReadonlyMap<string, number> = new Map();

  const isLasting = (tag: string): boolean => (streaks.get(tag) ?? 0) >= LASTING_FAILURES;

  /** Where most tags are absent the list is read again; tags that still stand in it are asked for once more. */
  async function withSecondLook(asked: TagAnswers, signal: AbortSignal): Promise<TagAnswers> {
    const absent = [...asked.answers].flatMap(([tag, { kind }]) => (kind === "absent" ? [tag] : []));
    if (!isMostOf(absent.length, asked.answers.size + asked.failures.size)) return asked;
    logger.warn({ registry: host, tags: nameList(absent) }, "most tags of the prepull set are gone: listing again");
    const listed = new Set(await list(signal));
    const again = await askTags(
      options,
      absent.filter((tag) => listed.has(tag)),
      signal,
    );
    return {
      answers: new Map([...asked.answers, ...again.answers]),
      failures: new Map([...asked.failures, ...again.failures]),
    };
  }

  /** Counts failures. Returns the tags that fail by themselves, with the reason; they stay so until they are answered. */
  function lastingFailures({ answers, failures }: TagAnswers): ReadonlyMap<string, string> {
    const others = [...failures.keys()].filter((tag) => !isLasting(tag));
    const areOthersFine = answers.size > 0 && answers.size >= others.length;
    const next = (tag: string): number => (areOthersFine || isLasting(tag) ? (streaks.get(tag) ?? 0) + 1 : 0);
    streaks = new Map([...failures.keys()].map((tag) => [tag, next(tag)]));
    const lasting = [...failures].filter(([tag]) => isLasting(tag));
    return new Map(
      lasting.map(([tag, { message }]) => [tag, `fails in ${LASTING_FAILURES} refreshes running: ${message}`]),
    );
  }

  /** Logs faults that are new, or have another reason than before, and those that are over. */
  function reportFaults(current: ReadonlyMap<string, string>): void {
    const changed = [...current].filter(([tag, reason]) => faults.get(tag) !== reason);
    const over = [...faults.keys()].filter((tag) => !current.has(tag));
    if (changed.length > 0) {
      const tags = nameList(changed.map(([tag, reason]) => `${tag} ${reason}`));
      logger.warn({ registry: host, tags }, "tags cannot be read: they keep the digest that was known last, if any");
    }
    if (over.length > 0) logger.info({ registry: host, tags: nameList(over) }, "tags can be read again, or are gone");
  }

  return {
    async resolve(tags, signal) {
      const asked = await withSecondLook(await askTags(options, tags, signal, isLasting), signal);
      const lasting = lastingFailures(asked);
      throwFailures(new Map([...asked.failures].filter(([tag]) => !lasting.has(tag))));
      checkRefusals(asked.answers, host);
      const resolved = new Map<string, RemoteTag>();
      const current = new Map<string, string>(lasting);
      for (const tag of tags) {
        const answer = asked.answers.get(tag);
        const fault = lasting.get(tag) ?? (answer === undefined ? null : faultOf(answer));
        if (fault !== null) {
          current.set(tag, fault);
          resolved.set(tag, { tag, digest: digests.get(tag) ?? null, sizeBytes: null, fault });
        } else if (answer?.kind === "found") resolved.set(tag, { tag, digest: answer.digest, sizeBytes: null });
      }
      reportFaults(current);
      faults = current;
      digests = new Map([...resolved].flatMap(([tag, { digest }]) => (digest === null ? [] : [[tag, digest]])));
      return resolved;
    },
  };
}
