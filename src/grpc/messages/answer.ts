/**
 * Answers as bytes. What an answer says is encoded once; the state, which may turn stale without a new snapshot, is put
 * behind it, and the whole is kept for the next call (protobuf messages may be concatenated).
 */
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { ownBytes } from "../../lib/bytes.ts";

/** One encoded answer without its state, and the last whole that was made of it. */
export interface Answer {
  /** Bytes of the answer proper at the front of `whole`. */
  readonly length: number;
  whole: Buffer;
  /** The state at the end of `whole`, by identity; null while there is none. */
  state: Buffer | null;
}

/** An answer of these parts. */
export function answerOf(...parts: readonly Buffer[]): Answer {
  const whole = ownBytes(...parts);
  return { length: whole.length, whole, state: null };
}

/** The whole message. The bytes must not be written to. */
export function withState(answer: Answer, state: Buffer): Buffer {
  if (answer.state !== state) {
    answer.whole = ownBytes(answer.whole.subarray(0, answer.length), state);
    answer.state = state;
  }
  return answer.whole;
}

/** Answers that were given from the newest snapshot, by what was asked. */
export interface AnswerCache {
  find(snapshot: Snapshot, question: string): Answer | undefined;
  /** Keeps the answer, where its snapshot is the newest and as long as there is room for it, and gives it back. */
  add(snapshot: Snapshot, question: string, answer: Answer): Answer;
}

/** Roughly what an entry costs besides the answer's bytes. */
const OVERHEAD = 512;

/**
 * Keeps up to `limit` bytes of answers, the latest ones: callers choose the questions, and they must not be able to fill
 * the memory with them. Earlier snapshots, which page tokens go back to, are answered without being kept.
 */
export function createAnswerCache(limit: number): AnswerCache {
  const answers = new Map<string, Answer>();
  let newest: Snapshot | null = null;
  let bytes = 0;

  function turnTo(snapshot: Snapshot): void {
    if (snapshot === newest) return;
    newest = snapshot;
    answers.clear();
    bytes = 0;
  }

  function makeRoom(): void {
    for (const [question, answer] of answers) {
      if (bytes <= limit) return;
      answers.delete(question);
      bytes -= answer.length + OVERHEAD;
    }
  }

  return {
    find: (snapshot, question) => (snapshot === newest ? answers.get(question) : undefined),
    add(snapshot, question, answer) {
      if (newest !== null && snapshot.generation < newest.generation) return answer;
      turnTo(snapshot);
      answers.set(question, answer);
      bytes += answer.length + OVERHEAD;
      makeRoom();
      return answer;
    },
  };
}
