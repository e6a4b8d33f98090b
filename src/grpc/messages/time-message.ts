import type { Timestamp } from "../gen/google/protobuf/Timestamp.ts";

/** A time in milliseconds since the epoch as `google.protobuf.Timestamp`; null stays null, which is an absent field. */
export function timestampMessage(milliseconds: number | null): Timestamp | null {
  if (milliseconds === null) return null;
  const seconds = Math.floor(milliseconds / 1_000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1_000) * 1e6) };
}

/** A length of time, not negative, in milliseconds as `google.protobuf.Duration`. */
export function durationMessage(milliseconds: number): Timestamp | null {
  return timestampMessage(milliseconds);
}
