import type { ConfigProblem } from "../config-error.ts";

/** Keys of nublado's that mean the same as one of ours (lsst-sqre/nublado, src/nublado/controller/config.py). */
const COUNTERPARTS: ReadonlyMap<string, string> = new Map([
  ["pathPrefix", "http.pathPrefix"],
  ["profile", "logProfile"],
  ["lab.nodeSelector", "nodeSelector"],
  ["lab.tolerations", "tolerations"],
  ["lab.pullSecret", "prepuller.pullSecret"],
]);

/** Keys of nublado's that mean nothing here, as do all others below `lab`. */
const WITHOUT_COUNTERPART: ReadonlySet<string> = new Set([
  ...[
    "allowOrigins",
    "baseUrl",
    "enableSentry",
    "fileserver",
    "fsadmin",
    "jupyterhub",
    "lab",
    "metadataPath",
    "metrics",
  ],
  ...["name", "nubladoUrl", "slackAlerts", "slackWebhook", "tokenPath"],
]);

/**
 * What to do with a key at the root of a nublado controller's configuration that is not one of ours: a problem for it, or
 * for each key below `lab`. Null where nublado does not have the key either.
 */
export function nubladoProblems(key: string, value: unknown): readonly ConfigProblem[] | null {
  const counterpart = COUNTERPARTS.get(key);
  if (counterpart === undefined && !WITHOUT_COUNTERPART.has(key)) return null;
  const below = key === "lab" && typeof value === "object" && value !== null ? Object.keys(value) : [];
  const keys = below.length === 0 ? [key] : below.map((name) => `${key}.${name}`);
  return keys.map((path) => ({ path, message: advice(COUNTERPARTS.get(path)) }));
}

function advice(counterpart: string | undefined): string {
  const rest = counterpart === undefined ? "has no counterpart here: remove it" : `is ${counterpart} here`;
  return `this key of nublado's controller ${rest}`;
}
