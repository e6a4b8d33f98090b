import { KubernetesAnswerError } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { type LeaseRecord, leaseBody, readLease, type StoredLease } from "./lease-object.ts";

/** Completes "cannot …" in messages. */
const WHAT = "take or renew the prepuller's lease";

/** The calls on one lease. Errors as of the connection; 409 where another write came first. */
export interface LeaseApi {
  /** Null where there is no lease yet. */
  read(signal: AbortSignal): Promise<StoredLease | null>;
  create(record: LeaseRecord, signal: AbortSignal): Promise<StoredLease>;
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
  const common = { what: WHAT, deadlineMs };
  return {
    async read(signal) {
      try {
        return readLease(WHAT, await connection.call({ ...common, path: `${leases}/${name}`, signal }));
      } catch (error) {
        if (error instanceof KubernetesAnswerError && error.status === 404) return null;
        throw error;
      }
    },
    async create(record, signal) {
      const body = leaseBody({ name }, record);
      return readLease(WHAT, await connection.call({ ...common, method: "POST", path: leases, body, signal }));
    },
    async replace({ metadata }, record, signal) {
      const body = leaseBody(metadata, record);
      const path = `${leases}/${name}`;
      return readLease(WHAT, await connection.call({ ...common, method: "PUT", path, body, signal }));
    },
  };
}
