import { isJsonObject, type JsonObject } from "./kubernetes-objects.ts";
import { ApiFailure, badRequest } from "./kubernetes-status.ts";
import type { ObjectAddress } from "./kubernetes-strategy.ts";

/** A rule of a role: every verb listed on every resource listed, `*` for all. A subresource is `nodes/status`. */
export interface AccessRule {
  readonly verbs: readonly string[];
  readonly resources: readonly string[];
}

/** Whose token it is, and what its holder may do. */
export interface AccessGrant {
  /** Such as `system:serviceaccount:lab:lab-images`. */
  readonly user: string;
  readonly rules: readonly AccessRule[];
}

/** Who may do what, by bearer token; null lets everybody do everything. */
export type AccessTable = ReadonlyMap<string, AccessGrant> | null;

/** Throws 401 for a request without a known token, and 403 where its holder has no rule for the verb and resource. */
export function authorize(
  table: AccessTable,
  authorization: string | undefined,
  verb: string,
  address: ObjectAddress,
  subresource: string,
): void {
  if (table === null) return;
  const grant = grantOf(table, authorization);
  const resource = subresource === "" ? address.type.plural : `${address.type.plural}/${subresource}`;
  if (allows(grant, verb, resource)) return;
  throw forbidden(grant.user, verb, resource, address);
}

/** Handles a SelfSubjectAccessReview: everybody may ask what they may do. Throws as `authorize` does for a stranger. */
export function reviewAccess(table: AccessTable, authorization: string | undefined, body: unknown): JsonObject {
  const spec = isJsonObject(body) ? body["spec"] : undefined;
  const attributes = isJsonObject(spec) ? spec["resourceAttributes"] : undefined;
  if (!isJsonObject(body) || !isJsonObject(spec) || !isJsonObject(attributes)) {
    throw badRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  const { verb, resource } = attributes;
  const allowed = table === null || allows(grantOf(table, authorization), String(verb), String(resource));
  const { apiVersion, kind } = body;
  return { apiVersion, kind, metadata: {}, spec, status: { allowed } };
}

function grantOf(table: NonNullable<AccessTable>, authorization: string | undefined): AccessGrant {
  const grant = table.get(/^Bearer (\S+)$/.exec(authorization ?? "")?.[1] ?? "");
  if (grant === undefined) throw new ApiFailure(401, "Unauthorized", "Unauthorized");
  return grant;
}

function allows({ rules }: AccessGrant, verb: string, resource: string): boolean {
  const has = (list: readonly string[], item: string) => list.includes("*") || list.includes(item);
  return rules.some((rule) => has(rule.verbs, verb) && has(rule.resources, resource));
}

function forbidden(user: string, verb: string, resource: string, { type, namespace, name }: ObjectAddress): ApiFailure {
  const subject = name === "" ? type.plural : `${type.plural} "${name}"`;
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  return new ApiFailure(
    403,
    "Forbidden",
    `${subject} is forbidden: User "${user}" cannot ${verb} resource "${resource}" in API group "${type.group}" ${scope}`,
    { name, kind: type.plural },
  );
}
