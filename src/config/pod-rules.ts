import { z } from "zod";
import { DEFAULT_POD_OPTIONS, DNS_POLICIES, isOwnKey } from "../domain/prepull/pod-options.ts";
import { flag, list, mapping, optional, parsed, section, text, wholeNumber, withDefault, word } from "./fields.ts";
import { dnsSubdomain, labels, labelValue, qualifiedName } from "./kubernetes-rules.ts";

/*
 * Kubernetes' own rules for what goes into the prepuller's pods (k8s.io/kubernetes/pkg/apis/core/validation, 1.36), so that
 * no value gets past the start that the API server would refuse in every pod.
 */

/** Adds an issue whose message says by itself what is wrong. */
function refuse(context: z.RefinementCtx, path: readonly string[], message: string): void {
  context.addIssue({ code: "custom", message, path: [...path], params: { whole: true } });
}

/** Empty texts count as absent, as in the API. */
const orEmpty = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (value === "" ? null : value), optional(schema));

/**
 * A toleration. `tolerationSeconds` beside another effect than NoExecute means nothing, and is left out of the pods, since the
 * API refuses it.
 */
export const toleration = mapping({
  key: orEmpty(qualifiedName),
  operator: orEmpty(word(["Exists", "Equal"])),
  value: optional(z.string({ error: "text" })),
  effect: orEmpty(word(["NoSchedule", "PreferNoSchedule", "NoExecute"])),
  tolerationSeconds: optional(wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
}).superRefine(({ key, operator, value }, context) => {
  const isExists = operator === "Exists";
  if (!key && !isExists)
    refuse(context, ["operator"], "must be Exists where there is no key, which matches every taint");
  if (value && isExists) refuse(context, ["value"], "must be empty where the operator is Exists");
  if (isExists || labelValue.safeParse(value ?? "").success) return;
  context.addIssue({ code: "custom", message: "the value of a taint: a label's value", path: ["value"] });
});

const QUANTITY = /^\+?(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2})?$/;
const DECIMAL_SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/** The power of ten of the smallest quantity that QUANTITY lets through: 18 decimal places, and an exponent of -99. */
const SCALE = 18 + 99;

/**
 * The number that a quantity stands for (apimachinery, `resource.ParseQuantity`), exactly, in units of 10^-SCALE; null where it
 * is none, or negative.
 */
function parseQuantity(quantity: string): bigint | null {
  const [, digits, suffix = ""] = QUANTITY.exec(quantity) ?? [];
  if (digits === undefined) return null;
  const [whole = "", fraction = ""] = digits.split(".");
  const amount = BigInt(whole + fraction);
  const scale = SCALE - fraction.length;
  if (/^[eE]./.test(suffix)) return amount * 10n ** BigInt(scale + Number(suffix.slice(1)));
  const power = BINARY_SUFFIXES.indexOf(suffix);
  if (power > 0) return amount * 10n ** BigInt(scale) * 1_024n ** BigInt(power);
  return amount * 10n ** BigInt(scale + 3 * (DECIMAL_SUFFIXES.indexOf(suffix) - DECIMAL_SUFFIXES.indexOf("")));
}

function isWhole(quantity: string): boolean {
  return (parseQuantity(quantity) ?? 0n) % 10n ** BigInt(SCALE) === 0n;
}

const quantityError = "a quantity such as 100m, 0.5 or 32Mi";
const quantity = parsed(
  z.union([z.string(), z.number()], { error: quantityError }),
  (value) => (parseQuantity(String(value)) === null ? null : String(value)),
  quantityError,
);

const resourceName = z
  .string()
  .refine((name) => /^(?:cpu|memory|ephemeral-storage)$/.test(name) || isHugePages(name) || isExtended(name), {
    error: "cpu, memory, ephemeral-storage, hugepages-SIZE or an extended resource such as example.org/gpu",
  });

function isHugePages(name: string): boolean {
  return name.startsWith("hugepages-") && parseQuantity(name.slice("hugepages-".length)) !== null;
}

/** The API makes a key of a quota of it, `requests.` in front, which must be a qualified name too. */
function isExtended(name: string): boolean {
  return name.includes("/") && qualifiedName.safeParse(`requests.${name}`).success;
}

const quantities = withDefault(z.record(resourceName, quantity, { error: "a mapping of resources to quantities" }), {});

const resources = mapping({ requests: quantities, limits: quantities }).superRefine(({ requests, limits }, context) => {
  for (const [kind, all] of Object.entries({ requests, limits })) {
    for (const [name, amount] of Object.entries(all)) {
      if (isExtended(name) && !isWhole(amount))
        refuse(context, [kind, name], "must be a whole number: it is an extended resource");
    }
  }
  for (const [name, amount] of Object.entries(requests)) {
    const problem = requestProblem(name, amount, limits[name]);
    if (problem !== null) refuse(context, ["requests", name], problem);
  }
  const names = Object.keys({ ...requests, ...limits });
  if (!names.some(isHugePages) || names.includes("cpu") || names.includes("memory")) return;
  refuse(context, ["requests"], "must have cpu or memory where there are huge pages");
});

/** What is wrong with a request beside its limit, or null. */
function requestProblem(name: string, request: string, limit: string | undefined): string | null {
  const mustBeEqual = isExtended(name) || isHugePages(name);
  if (limit === undefined) return mustBeEqual ? "must have a limit of the same quantity" : null;
  const difference = (parseQuantity(request) ?? 0n) - (parseQuantity(limit) ?? 0n);
  if (mustBeEqual && difference !== 0n) return `must be equal to the limit, ${limit}`;
  return difference > 0n ? `must not be more than the limit, ${limit}` : null;
}

/** Accounts and groups are 32-bit numbers. */
const accountId = wholeNumber(0, 2_147_483_647);

const profile = mapping({
  type: word(["RuntimeDefault", "Unconfined", "Localhost"]),
  localhostProfile: optional(text("the name of a profile on the node", /^[^\s\p{Cc}/](?:[^\p{Cc}]*[^\s\p{Cc}])?$/u)),
}).superRefine(({ type, localhostProfile }, context) => {
  if (type === "Localhost" && localhostProfile === null)
    refuse(context, ["localhostProfile"], "must be set for Localhost");
  if (type !== "Localhost" && localhostProfile !== null)
    refuse(context, ["localhostProfile"], "must not be set except for Localhost");
  if (localhostProfile?.split("/").includes("..")) refuse(context, ["localhostProfile"], "must not contain ..");
});

const capabilities = withDefault(
  list(text("the name of a capability", /^[A-Z_]{2,40}$/), "a list of capabilities"),
  [],
);
const selinux = optional(text("text"));

const securityContext = mapping({
  allowPrivilegeEscalation: optional(flag),
  appArmorProfile: optional(profile),
  capabilities: optional(mapping({ add: capabilities, drop: capabilities })),
  privileged: optional(flag),
  readOnlyRootFilesystem: optional(flag),
  runAsGroup: optional(accountId),
  runAsNonRoot: optional(flag),
  runAsUser: optional(accountId),
  seLinuxOptions: optional(mapping({ user: selinux, role: selinux, type: selinux, level: selinux })),
  seccompProfile: optional(profile),
}).superRefine((value, context) => {
  if (value.allowPrivilegeEscalation === false) {
    if (value.privileged) refuse(context, ["privileged"], "must not be true where allowPrivilegeEscalation is false");
    if (value.capabilities?.add.includes("CAP_SYS_ADMIN"))
      refuse(context, ["capabilities", "add"], "must not have CAP_SYS_ADMIN where allowPrivilegeEscalation is false");
  }
  // The API server accepts it, and the kubelet then refuses every container.
  if (value.runAsNonRoot === true && value.runAsUser === 0)
    refuse(context, ["runAsUser"], "must not be 0 where runAsNonRoot is true");
});

/** Refuses keys that the service sets itself. */
function refuseOwnKeys(value: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  for (const key of Object.keys(value)) if (isOwnKey(key)) refuse(context, [key], "is set by the service itself");
}

/**
 * Annotations: the case of a key does not matter, and values are any text. All together may have 256 KiB, which is more than
 * a configuration file has.
 */
const annotations = z
  .record(
    z.string().refine((key) => qualifiedName.safeParse(key.toLowerCase()).success, {
      error: "a name such as team or example.org/team",
    }),
    z.string({ error: "text" }),
    { error: "a mapping of annotations to texts" },
  )
  .superRefine(refuseOwnKeys);

/** `prepuller.pod`. */
export const pod = section({
  resources: withDefault(resources, DEFAULT_POD_OPTIONS.resources),
  // Without the key the restricted one; without a value none.
  securityContext: securityContext
    .nullish()
    .transform((value) => (value === undefined ? DEFAULT_POD_OPTIONS.securityContext : value && withoutNulls(value))),
  priorityClassName: optional(dnsSubdomain),
  runtimeClassName: optional(dnsSubdomain),
  dnsPolicy: withDefault(word(DNS_POLICIES), DEFAULT_POD_OPTIONS.dnsPolicy),
  labels: withDefault(labels.superRefine(refuseOwnKeys), {}),
  annotations: withDefault(annotations, {}),
});

/** The mapping without what is null, at any depth: absent fields stay absent, as the API has them. */
function withoutNulls(value: object): Readonly<Record<string, unknown>> {
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(entries.map(([key, each]) => [key, isMapping(each) ? withoutNulls(each) : each]));
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
