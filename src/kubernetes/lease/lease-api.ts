import { KubernetesAnswerError } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { type LeaseRecord, leaseBody, readLease, type StoredLease } from "./lease-object.ts";

/** Complete "cannot …" in messages. */
const READ = "read the leader lease";
const ACQUIRE = "acquire the leader lease";
const RENEW = "renew the leader lease";
const ANNOTATE = "annotate the leader lease";

/** The calls on one lease. Errors as of the connection; 409 where another write came first. */
export interface LeaseApi {
  /** Null where there is no lease yet. */
  read(signal: AbortSignal): Promise<StoredLease | null>;
  create(record: LeaseRecord, annotations: Readonly<Record<string, string>>, signal: AbortSignal): Promise<StoredLease>;
  /** Puts another record into this version of the lease, and into no other. */
  replace(before: StoredLease, record: LeaseRecord, signal: AbortSignal): Promise<StoredLease>;
}

/** Which lease, and how long a call may take; milliseconds. */
export interface LeaseAddress {
  readonly namespace: string;
  readonly leaseName: string;
  readonly deadlineMs: number;
}

/** The calls on the lease of this name. */
export function createLeaseApi(connection: KubernetesConnection, address: LeaseAddress): LeaseApi {
  const { leaseName: name, deadlineMs } = address;
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${address.namespace}/leases`;
  return {
    async read(signal) {
      try {
        return readLease(READ, await connection.call({ what: READ, deadlineMs, path: `${leases}/${name}`, signal }));
      } catch (error) {
        if (error instanceof KubernetesAnswerError && error.status === 404) return null;
        throw error;
      }
    },
    async create(record, annotations, signal) {
      const call = { what: ACQUIRE, deadlineMs, method: "POST", path: leases, signal } as const;
      return readLease(ACQUIRE, await connection.call({ ...call, body: leaseBody({ name, annotations }, record) }));
    },
    async replace(before, record, signal) {
      const what = before.record === record ? ANNOTATE : before.record.holder === record.holder ? RENEW : ACQUIRE;
      const call = { what, deadlineMs, method: "PUT", path: `${leases}/${name}`, signal } as const;
      return readLease(what, await connection.call({ ...call, body: leaseBody(before.metadata, record) }));
    },
  };
}
