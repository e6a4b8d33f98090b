import { z } from "zod";
import { parseCalverFormat } from "../domain/schemes/calver-format.ts";
import { createRegexScheme } from "../domain/schemes/regex.ts";
import { SchemeError } from "../domain/schemes/scheme-error.ts";
import { duration, flag, list, mapping, optional, peerHost, text, wholeNumber, withDefault, word } from "./fields.ts";
import { dnsSubdomain } from "./kubernetes-rules.ts";
import { compilePattern } from "./tag-pattern.ts";

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
/** Sources, and sets. */
export const MAX_NAMED = 64;

export const path = text("the path of a file");
export const tag = text("a tag: letters, digits, `_`, `.` and `-`, at most 128", /^\w[\w.-]{0,127}$/);
/** The name of a source or set. */
export const name = text(
  "a name: at most 63 lower-case letters, digits and -, with a letter or digit at both ends",
  /^(?=.{1,63}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/,
);
export const interval = duration(100, 365 * DAY, "from 0.1 seconds to 365 days");

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

const docker = {
  type: z.literal("docker"),
  registry: peerHost,
  repository,
  insecure: withDefault(flag, false),
  tokenHosts: withDefault(list(peerHost, "a list of hosts"), []),
  caFile: optional(path),
  certFile: optional(path),
  keyFile: optional(path),
};

const google = {
  type: z.literal("google"),
  location: googleName,
  projectId: googleProject,
  repository: googleName,
  image: repository,
  apiEndpoint: optional(peerHost),
};

interface ClientCertificate {
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

/** A client's certificate and its key come together. */
function checkCertificate(source: ClientCertificate, context: z.RefinementCtx): void {
  for (const [given, missing] of [
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
  ] as const) {
    if (source[given] === null || source[missing] !== null) continue;
    context.addIssue({ code: "custom", message: `the path of a file, because ${given} is set`, path: [missing] });
  }
}

const byType = {
  error: (issue: { readonly code?: string | undefined }) =>
    issue.code === "invalid_union" ? "docker or google" : "a mapping with the type docker or google",
};

/** `images.source`. */
export const connection = z.discriminatedUnion(
  "type",
  [mapping(docker).superRefine(checkCertificate), mapping(google)],
  byType,
);

/** Text that `check` takes; the SchemeError that it throws says what was expected. */
function checkedText(expected: string, check: (value: string) => unknown) {
  return text(expected).superRefine((value, context) => {
    try {
      check(value);
    } catch (error) {
      if (!(error instanceof SchemeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });
}

const PATTERN = "an RE2 pattern of whole tags";
const pattern = checkedText(PATTERN, compilePattern);
const patterns = withDefault(list(pattern, "a list of RE2 patterns"), []);
const forAll = { ignore: patterns, aliases: patterns };

/** `tags` of a source: its scheme. */
export const tags = z.discriminatedUnion(
  "scheme",
  [
    mapping({ scheme: z.literal("rubin"), cycle: optional(wholeNumber(0, 2_147_483_647)), ...forAll }),
    mapping({ scheme: z.literal("semver"), ...forAll }),
    mapping({
      scheme: z.literal("calver"),
      format: checkedText("a format such as YYYY-0M-0D", parseCalverFormat),
      ...forAll,
    }),
    mapping({
      scheme: z.literal("regex"),
      pattern: checkedText(PATTERN, (value) => createRegexScheme(compilePattern(value))),
      ...forAll,
    }),
    mapping({ scheme: z.literal("opaque"), pattern: optional(pattern), order: optional(word(["pushed"])), ...forAll }),
  ],
  {
    error: (issue) => {
      const names = "rubin, semver, calver, regex or opaque";
      return issue.code === "invalid_union" ? names : `a mapping with the scheme ${names}`;
    },
  },
);

const forEach = {
  name,
  refreshInterval: withDefault(interval, 300 * SECOND),
  prepullTimeout: withDefault(interval, 600 * SECOND),
  credentials: optional(path),
  pullSecret: optional(dnsSubdomain),
  tags,
};

/** `sources`. */
export const sources = list(
  z.discriminatedUnion(
    "type",
    [mapping({ ...docker, ...forEach }).superRefine(checkCertificate), mapping({ ...google, ...forEach })],
    byType,
  ),
  "a list of sources",
).max(MAX_NAMED, { error: `at most ${MAX_NAMED} sources` });
