import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEPLOYED } from "../cluster/prepuller-cluster.ts";

/** A request that the API server has answered: `VERB GROUP/RESOURCE[/SUBRESOURCE]`, or `VERB PATH`, with its status. */
export interface AuditedRequest {
  readonly request: string;
  /** Empty for cluster-wide ones. */
  readonly namespace: string;
  readonly status: number;
}

/** The record that the API server keeps of all that the service's account asks for. */
export interface Audit {
  readonly apiServerFlags: readonly string[];
  requests(): Promise<readonly AuditedRequest[]>;
}

/** Line of the log (audit.k8s.io/v1, Event, level Metadata). */
interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
  };
  readonly responseStatus?: { readonly code: number };
}

const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", users: [`system:serviceaccount:${DEPLOYED}:${DEPLOYED}`] }, { level: "None" }],
};

/** Prepares the record in this folder; it begins with the API server. */
export async function prepareAudit(folder: string): Promise<Audit> {
  const policy = join(folder, "audit-policy.json");
  const log = join(folder, "audit.log");
  await writeFile(policy, JSON.stringify(POLICY));
  return {
    apiServerFlags: [`--audit-policy-file=${policy}`, `--audit-log-path=${log}`],
    async requests() {
      const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line) => describeEvent(JSON.parse(line)));
    },
  };
}

function describeEvent({ verb, requestURI, objectRef, responseStatus }: AuditEvent): AuditedRequest {
  const { apiGroup = "", resource, subresource, namespace = "" } = objectRef ?? {};
  const path =
    resource === undefined
      ? requestURI
      : [apiGroup, resource, subresource].filter((part) => part !== undefined).join("/");
  return { request: `${verb} ${path}`, namespace, status: responseStatus?.code ?? 0 };
}
