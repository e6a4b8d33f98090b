import { numberOf, objectOf, textOf } from "../../lib/json.ts";
import { unexpectedResponse } from "../client/api-errors.ts";
import { resourceVersionOf } from "../nodes/node-object.ts";

/** What a lease says (coordination.k8s.io/v1), as client-go's LeaderElectionRecord has it. */
export interface LeaseRecord {
  /** Empty where nobody holds it. */
  readonly holder: string;
  readonly durationSeconds: number;
  /** MicroTime as the API has it; only ever passed on, and compared for being another one. */
  readonly acquireTime: string;
  readonly renewTime: string;
  readonly transitions: number;
}

/** A lease as the server has it. */
export interface StoredLease {
  readonly resourceVersion: string;
  readonly record: LeaseRecord;
  /** As it came: what others have put beside the record is written back with it. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Reads a lease; throws where the answer is none. Fields that are not set count as empty and 0. */
export function readLease(what: string, value: unknown): StoredLease {
  const object = objectOf(value);
  const resourceVersion = resourceVersionOf(value);
  if (object["kind"] !== "Lease" || resourceVersion === "") throw unexpectedResponse(what, "expected a Lease");
  const spec = objectOf(object["spec"]);
  const record = {
    holder: textOf(spec["holderIdentity"]),
    durationSeconds: numberOf(spec["leaseDurationSeconds"]),
    acquireTime: textOf(spec["acquireTime"]),
    renewTime: textOf(spec["renewTime"]),
    transitions: numberOf(spec["leaseTransitions"]),
  };
  return { resourceVersion, record, metadata: objectOf(object["metadata"]) };
}

/** The annotations of a lease. */
export function annotationsOf({ metadata }: StoredLease): Readonly<Record<string, unknown>> {
  return objectOf(metadata["annotations"]);
}

/** The lease with one annotation more, or with another value of it. */
export function withAnnotation(lease: StoredLease, key: string, value: string): StoredLease {
  const annotations = { ...annotationsOf(lease), [key]: value };
  return { ...lease, metadata: { ...lease.metadata, annotations } };
}

/** The lease with this record; the metadata of a stored one make it a replacement of that version alone. */
export function leaseBody(
  metadata: Readonly<Record<string, unknown>>,
  record: LeaseRecord,
): Readonly<Record<string, unknown>> {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata,
    spec: {
      holderIdentity: record.holder,
      leaseDurationSeconds: record.durationSeconds,
      leaseTransitions: record.transitions,
      ...(record.acquireTime === "" ? {} : { acquireTime: record.acquireTime }),
      ...(record.renewTime === "" ? {} : { renewTime: record.renewTime }),
    },
  };
}

/** A time as MicroTime, which has six digits after the second. */
export function microTime(wallTime: number): string {
  return new Date(wallTime).toISOString().replace("Z", "000Z");
}
