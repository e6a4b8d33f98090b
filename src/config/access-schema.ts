import { z } from "zod";
import { isNetwork } from "../lib/net.ts";
import { guard, list, mapping, optional, parsedText, text, wholeNumber, withDefault, word } from "./fields.ts";
import { path } from "./source-schema.ts";

/** As the user name that the API server gives to the account. */
const serviceAccount = parsedText((text) => {
  const [, namespace, name] = /^([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/.exec(text) ?? [];
  return namespace === undefined ? null : `system:serviceaccount:${namespace}:${name}`;
}, "a service account such as lab-images/prepuller: its namespace and its name");

/** Certificates of a server (`grpc.tls`, `http.tls`). */
export const tls = mapping({ certFile: path, keyFile: path, clientCAFile: guard(path) });

const caller = mapping({
  serviceAccount: optional(serviceAccount),
  name: optional(text("a subject alternative name of a client certificate")),
  permissions: list(word(["read", "prepull", "refresh"]), "a list of read, prepull and refresh").min(1, {
    error: "a list of at least one of read, prepull and refresh",
  }),
}).transform(({ serviceAccount, name, permissions }, context) => {
  if (serviceAccount !== null && name === null) return { kind: "account" as const, name: serviceAccount, permissions };
  if (serviceAccount === null && name !== null) return { kind: "certificate" as const, name, permissions };
  context.addIssue({ code: "custom", message: "either serviceAccount or name" });
  return z.NEVER;
});

/** Callers (`grpc.auth`). */
export const grpcAuth = mapping({
  audience: withDefault(text("an audience of tokens"), "lab-images"),
  callers: withDefault(list(caller, "a list of callers"), []),
  public: withDefault(list(word(["health", "reflection"]), "a list of health and reflection"), ["health"]),
  maxCallsPerCaller: withDefault(wholeNumber(1, 1_000_000), 1_000),
});

/** Users whom a proxy has authenticated (`http.auth`). */
export const httpAuth = mapping({
  trustedHeader: parsedText(
    (text) => (/^[A-Za-z][\w-]{0,63}$/.test(text) ? text.toLowerCase() : null),
    "the name of a header such as X-Forwarded-User",
  ),
  trustedProxies: list(
    parsedText((text) => (isNetwork(text) ? text : null), "an address or a network such as 10.0.0.0/8"),
    "a list of addresses and networks",
  ).min(1, { error: "a list of at least one address or network" }),
});
