import { z } from "zod";
import { parseDateTime } from "../domain/tags/calendar.ts";
import { parseVersion } from "../domain/tags/version.ts";
import { formatHostPort, isLoopback, mayCollide } from "../lib/net.ts";
import { grpcAuth, httpAuth, tls } from "./access-schema.ts";
import {
  duration,
  flag,
  guard,
  list,
  listenAddress,
  mapping,
  notYet,
  optional,
  parsedText,
  section,
  wholeNumber,
  withDefault,
  wordInAnyCase,
} from "./fields.ts";
import { dnsLabel, dnsSubdomain, labels } from "./kubernetes-rules.ts";
import { pod, toleration } from "./pod-rules.ts";
import { expressions, sets } from "./set-schema.ts";
import { connection, interval, path, sources, tag } from "./source-schema.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

const timeout = duration(1_000, 3_600 * SECOND, "from 1 second to 1 hour");
const count = wholeNumber(0, 10_000);

const images = mapping({
  source: connection,
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

const grpc = section({
  listen: withDefault(listenAddress, { host: "127.0.0.1", port: 50_051 }),
  insecure: withDefault(flag, false),
  tls: guard(tls),
  auth: guard(grpcAuth),
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
  maxConcurrentPulls: withDefault(wholeNumber(1, 10_000), 100),
  adaptive: withDefault(flag, true),
  stuckPullTimeout: withDefault(interval, 900 * SECOND),
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

/** Percent of the nodes; 100 for `all`. */
function parsePercentage(text: string): number | null {
  if (text === "all") return 100;
  const percent = /^(\d{1,3})%$/.exec(text)?.[1];
  return percent === undefined || Number(percent) > 100 ? null : Number(percent);
}

/** The configuration file (docs/spec/api.md, Configuration): every key, its form and its default. */
export const configSchema = mapping({
  images: optional(images),
  sources: withDefault(sources, []),
  sets: withDefault(sets, []),
  menu: section({
    prepulledOn: withDefault(parsedText(parsePercentage, "all or a percentage such as 90%"), 100),
    newNodeGrace: withDefault(duration(0, 365 * DAY, "up to 365 days"), 0),
  }),
  dropdownMenu: section({
    release: filter,
    weekly: filter,
    daily: filter,
    releaseCandidate: filter,
    experimental: filter,
  }),
  nodeSelector: withDefault(labels, {}),
  nodeExpressions: withDefault(expressions, []),
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
    tls: guard(tls),
    auth: guard(httpAuth),
    pathPrefix: withDefault(pathPrefix, ""),
    hookSecretFile: optional(path),
  }),
  alerts: section({ slackWebhookFile: notYet("alerts to Slack") }),
  logLevel: withDefault(logLevel, "info"),
  logProfile: withDefault(wordInAnyCase(["production", "development"]), "production"),
}).superRefine(({ grpc: { listen, tls, auth }, http }, context) => {
  const showCertificates = (auth?.callers ?? []).some(({ kind }) => kind === "certificate");
  if (showCertificates && tls?.clientCAFile == null && http.tls?.clientCAFile == null) {
    const message = "callers by name show certificates: set grpc.tls.clientCAFile, the authorities of those";
    context.addIssue({ code: "custom", message, path: ["grpc", "auth", "callers"], params: { whole: true } });
  }
  if (!mayCollide(listen, http.listen)) return;
  const message = `must be another address than that of grpc.listen, ${formatHostPort(listen)}`;
  context.addIssue({ code: "custom", message, path: ["http", "listen"], params: { whole: true } });
});

/** A configuration as the schema leaves it. */
export type ConfigFile = z.output<typeof configSchema>;
