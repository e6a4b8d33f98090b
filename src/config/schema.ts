import { z } from "zod";
import { parseDateTime } from "../domain/tags/calendar.ts";
import { parseVersion } from "../domain/tags/version.ts";
import { formatHostPort, isLoopback, mayCollide } from "../lib/net.ts";
import {
  duration,
  flag,
  list,
  listenAddress,
  mapping,
  notYet,
  optional,
  parsedText,
  peerHost,
  section,
  text,
  wholeNumber,
  withDefault,
  wordInAnyCase,
} from "./fields.ts";
import { dnsLabel, dnsSubdomain, labels } from "./kubernetes-rules.ts";
import { pod, toleration } from "./pod-rules.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

const path = text("the path of a file");
const tag = text("a tag: letters, digits, `_`, `.` and `-`, at most 128", /^\w[\w.-]{0,127}$/);
const repositoryPart = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const repository = text(
  "a repository such as library/sketchbook, in lower case",
  new RegExp(`^(?=.{1,255}$)${repositoryPart}(?:/${repositoryPart})*$`),
);
const googleName = text(
  "a name of Google Cloud: lower-case letters, digits and -, with a letter first",
  /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
);
/** By its id, since references have that and not the number; older ones begin with the domain of their owner. */
const googleProject = text(
  "the id of a project, such as example-project or example.com:lab",
  /^(?:[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]:)?[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
);
const timeout = duration(1_000, 3_600 * SECOND, "from 1 second to 1 hour");
const interval = duration(100, 365 * DAY, "from 0.1 seconds to 365 days");
const count = wholeNumber(0, 10_000);

const dockerSource = mapping({
  type: z.literal("docker"),
  registry: peerHost,
  repository,
  insecure: withDefault(flag, false),
  tokenHosts: withDefault(list(peerHost, "a list of hosts"), []),
  caFile: optional(path),
  certFile: optional(path),
  keyFile: optional(path),
}).superRefine((source, context) => {
  for (const [given, missing] of [
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
  ] as const) {
    if (source[given] === null || source[missing] !== null) continue;
    context.addIssue({ code: "custom", message: `the path of a file, because ${given} is set`, path: [missing] });
  }
});

const googleSource = mapping({
  type: z.literal("google"),
  location: googleName,
  projectId: googleProject,
  repository: googleName,
  image: repository,
  apiEndpoint: optional(peerHost),
});

const source = z.discriminatedUnion("type", [dockerSource, googleSource], {
  error: (issue) => (issue.code === "invalid_union" ? "docker or google" : "a mapping with the type docker or google"),
});

const images = mapping({
  source,
  refreshInterval: withDefault(interval, 300 * SECOND),
  prepullTimeout: withDefault(interval, 600 * SECOND),
  recommendedTag: withDefault(tag, "recommended"),
  numReleases: withDefault(count, 1),
  numWeeklies: withDefault(count, 2),
  numDailies: withDefault(count, 3),
  cycle: optional(wholeNumber(0, 2_147_483_647)),
  pin: withDefault(list(tag, "a list of tags"), []),
  aliasTags: withDefault(list(tag, "a list of tags"), []),
  dockerCredentialsPath: optional(path),
});

const filter = section({
  number: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  age: optional(duration(0, 36_500 * DAY, "up to 100 years")),
  cutoffBuild: optional(wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)),
  cutoffDate: optional(parsedText(parseDateTime, "a date such as 2077-10-23 or 2077-10-23T00:00:00Z")),
  cutoffVersion: optional(
    parsedText((version) => (parseVersion(version) === null ? null : version), "a semantic version such as 22.0.0"),
  ),
});

const tls = mapping({ certFile: path, keyFile: path, clientCAFile: optional(path) });

const grpc = section({
  listen: withDefault(listenAddress, { host: "127.0.0.1", port: 50_051 }),
  insecure: withDefault(flag, false),
  tls: optional(tls),
  auth: notYet("authentication of gRPC callers"),
  limits: section({
    maxConnections: withDefault(wholeNumber(1, 100_000), 1_000),
    maxStreams: withDefault(wholeNumber(1, 1_000_000), 10_000),
    maxCallsPerConnection: withDefault(wholeNumber(1, 1_000_000), 1_000),
    maxRequestMiB: withDefault(wholeNumber(1, 1_024), 16),
    requestTimeout: withDefault(timeout, 10 * SECOND),
    maxUnsentMiB: withDefault(wholeNumber(4, 1_024), 32),
    responseTimeout: withDefault(timeout, 60 * SECOND),
  }),
}).superRefine(({ listen, insecure, tls }, context) => {
  if (tls !== null || insecure || isLoopback(listen.host)) return;
  context.addIssue({
    code: "custom",
    message: "an address beyond loopback needs TLS (grpc.tls), or grpc.insecure: true",
    path: ["listen"],
    params: { whole: true },
  });
});

/** Without a slash at its end; empty for none. */
const pathPrefix = parsedText((text) => {
  const prefix = text.replace(/\/$/, "");
  return /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+){0,16}$/.test(prefix) ? prefix : null;
}, "a path such as /nublado: / and letters, digits, -, _, . and ~");

const leaderElection = section({
  enabled: withDefault(flag, true),
  leaseName: withDefault(dnsSubdomain, "lab-images-prepuller"),
  leaseDuration: withDefault(interval, 15 * SECOND),
  renewDeadline: withDefault(interval, 10 * SECOND),
  retryPeriod: withDefault(interval, 2 * SECOND),
}).superRefine(({ leaseDuration, renewDeadline, retryPeriod }, context) => {
  const addIssue = (key: string, message: string) =>
    context.addIssue({ code: "custom", message, path: [key], params: { whole: true } });
  // What was sent just before the deadline has this time to arrive before another replica may lead.
  if (renewDeadline > leaseDuration - SECOND)
    addIssue("renewDeadline", "must be a second or more shorter than leaseDuration");
  // As client-go has it, whose jitter this is: one retry has to fit.
  if (retryPeriod * 1.2 >= renewDeadline) addIssue("retryPeriod", "must be shorter than five sixths of renewDeadline");
});

const prepuller = section({
  enabled: withDefault(flag, false),
  namespace: optional(dnsLabel),
  pullSecret: optional(dnsSubdomain),
  maxConcurrentPulls: withDefault(wholeNumber(1, 10_000), 20),
  pod,
  leaderElection,
});

/** Python's names, which nublado's configuration has, are levels too. */
const logLevel = wordInAnyCase(["debug", "info", "warn", "error"], { warning: "warn", critical: "error" });

const reportedImages = "as the kubelets have it: a whole number from 1 to 1,000,000, or -1 for no limit";
/** A kubelet with 0 reports no image at all: nothing would ever count as pulled. */
const nodeStatusMaxImages = z
  .int({ error: reportedImages })
  .min(-1, { error: reportedImages })
  .max(1_000_000, { error: reportedImages })
  .refine((value) => value !== 0, { error: reportedImages });

/** The configuration file (docs/spec/api.md, Configuration): every key, its form and its default. */
export const configSchema = mapping({
  images,
  dropdownMenu: section({
    release: filter,
    weekly: filter,
    daily: filter,
    releaseCandidate: filter,
    experimental: filter,
  }),
  nodeSelector: withDefault(labels, {}),
  tolerations: withDefault(list(toleration, "a list of tolerations"), []),
  kubernetes: section({
    kubeconfig: optional(path),
    nodeStatusMaxImages: withDefault(nodeStatusMaxImages, 50),
    markGrace: withDefault(duration(0, DAY, "up to a day"), 60 * SECOND),
  }),
  prepuller,
  grpc,
  http: section({
    listen: withDefault(listenAddress, { host: "127.0.0.1", port: 8_080 }),
    allowAnonymousRead: withDefault(flag, false),
    tls: optional(tls),
    pathPrefix: withDefault(pathPrefix, ""),
    hookSecretFile: optional(path),
  }),
  alerts: section({ slackWebhookFile: notYet("alerts to Slack") }),
  logLevel: withDefault(logLevel, "info"),
  logProfile: withDefault(wordInAnyCase(["production", "development"]), "production"),
}).superRefine(({ grpc: { listen }, http }, context) => {
  if (!mayCollide(listen, http.listen)) return;
  const message = `must be another address than that of grpc.listen, ${formatHostPort(listen)}`;
  context.addIssue({ code: "custom", message, path: ["http", "listen"], params: { whole: true } });
});

/** A configuration as the schema leaves it. */
export type ConfigFile = z.output<typeof configSchema>;
