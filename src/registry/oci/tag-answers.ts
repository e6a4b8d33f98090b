import { LabImagesError } from "../../domain/errors.ts";
import { nameList } from "../../domain/name-list.ts";
import { forEachConcurrently } from "../../lib/concurrency.ts";
import { failureAt } from "./failure-at.ts";
import { askTag, type TagAnswer, type TagAnswerOptions } from "./tag-answer.ts";

/** What a registry answered about several tags. */
export interface TagAnswers {
  readonly answers: ReadonlyMap<string, TagAnswer>;
  /** Why tags got no answer: 5xx, a time-out, a refusal of our credentials. */
  readonly failures: ReadonlyMap<string, LabImagesError>;
}

/**
 * Asks for each tag. A failure does not end the others at once, since they show whose it is: the tag's or the registry's.
 * When there are as many failures as requests at one time, and more than answers, the rest is not asked for. Failures of
 * tags that are expected to fail show nothing of the others.
 */
export async function askTags(
  options: TagAnswerOptions,
  tags: readonly string[],
  signal: AbortSignal,
  isExpectedToFail: (tag: string) => boolean = () => false,
): Promise<TagAnswers> {
  const { concurrency } = options.limits;
  const answers = new Map<string, TagAnswer>();
  const failures = new Map<string, LabImagesError>();
  let unexpected = 0;
  await forEachConcurrently(tags, concurrency, signal, async (tag, workSignal) => {
    if (unexpected >= concurrency && unexpected > answers.size) return;
    try {
      answers.set(tag, await askTag(options, tag, workSignal));
    } catch (error) {
      workSignal.throwIfAborted();
      if (!(error instanceof LabImagesError)) throw error;
      failures.set(tag, error);
      if (!isExpectedToFail(tag)) unexpected += 1;
    }
  });
  return { answers, failures };
}

/** Throws the failure of these tags as that of the whole, in the words of the first one, with their names; none throws nothing. */
export function throwFailures(failures: ReadonlyMap<string, LabImagesError>): void {
  const [first] = failures.values();
  if (first !== undefined) throw failureAt(`tag ${nameList([...failures.keys()])}`, first);
}
