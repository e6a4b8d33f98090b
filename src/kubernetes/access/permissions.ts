import { objectOf } from "../../lib/json.ts";
import type { KubernetesConnection } from "../client/connection.ts";

/** Something that our account has to be allowed to do, as a role grants it (rbac.authorization.k8s.io). */
export interface Permission {
  readonly verb: string;
  /** API group, empty for the core group. */
  readonly group: string;
  readonly resource: string;
  /** Empty for what belongs to no namespace. */
  readonly namespace: string;
  /** The one object that it is about; empty for all. */
  readonly name: string;
  /** What is not done without it; empty where nothing works without it. */
  readonly without: string;
}

/** What the built-in prepuller works on. */
export interface PrepullerScope {
  /** Of the pods and the lease. */
  readonly namespace: string;
  /** Null where there is no election. */
  readonly leaseName: string | null;
  /** Our own Deployment, or null where we run in none. */
  readonly deployment: string | null;
}

const POD_VERBS = ["create", "get", "list", "watch", "delete"];

/** What every installation needs: the rules of deploy/20-reader-role.yaml. */
export const READER_PERMISSIONS: readonly Permission[] = ["list", "watch"].map((verb) => ({
  ...{ verb, group: "", resource: "nodes", namespace: "", name: "" },
  without: "",
}));

/** What the tokens of callers need: the rules of deploy/callers/token-review-role.yaml. */
export const TOKEN_REVIEW_PERMISSIONS: readonly Permission[] = [
  {
    ...{ verb: "create", group: "authentication.k8s.io", resource: "tokenreviews", namespace: "", name: "" },
    without: "callers with tokens are refused",
  },
];

/** What the built-in prepuller needs: the rules of deploy/30-prepuller-role.yaml. */
export function prepullerPermissions({ namespace, leaseName, deployment }: PrepullerScope): readonly Permission[] {
  const permission = (verb: string, group: string, resource: string, name = "", without = ""): Permission => ({
    ...{ verb, group, resource, namespace, name },
    without,
  });
  const lease = (verb: string, name: string) => permission(verb, "coordination.k8s.io", "leases", name);
  return [
    ...POD_VERBS.map((verb) => permission(verb, "", "pods")),
    permission("list", "", "events", "", "the reasons of failed pulls are shorter"),
    ...(leaseName === null ? [] : [lease("create", ""), lease("get", leaseName), lease("update", leaseName)]),
    ...(deployment === null
      ? []
      : [permission("get", "apps", "deployments", deployment, "the prepuller's pods have no owner")]),
  ];
}

/** The permission in words, such as "update leases lab-images-prepuller in namespace lab-images". */
export function describePermission({ verb, resource, namespace, name }: Permission): string {
  return `${verb} ${resource}${name === "" ? "" : ` ${name}`}${namespace === "" ? "" : ` in namespace ${namespace}`}`;
}

/** Whether our account is allowed to (authorization.k8s.io SelfSubjectAccessReview). Errors as of the connection. */
export async function isAllowed(
  connection: KubernetesConnection,
  { verb, group, resource, namespace, name }: Permission,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await connection.call({
    what: "ask what our account may do",
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: { verb, group, resource, namespace, name } },
    },
    deadlineMs,
    signal,
  });
  return objectOf(objectOf(answer)["status"])["allowed"] === true;
}
