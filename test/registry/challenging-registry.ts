import type { IncomingMessage, ServerResponse } from "node:http";
import type { TestContext } from "node:test";

import type { DockerSourceOptions } from "../../src/registry/oci/docker-source.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { account, credentialsFile } from "./source-with-secrets.ts";

/** What the account sends as Basic authentication. */
export const BASIC = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString("base64")}`;

/** How a registry answers. */
export interface Setting {
  /** The values of `WWW-Authenticate`; `ORIGIN` and `HOST` stand for the registry's. */
  readonly challenges: readonly string[];
  /** What the registry takes. */
  readonly accepts: string;
  readonly credentials?: object;
  /** Serves `/token`; a token is given out unless this is set. */
  readonly token?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly status?: number;
  readonly source?: Partial<DockerSourceOptions>;
}

/** A registry that wants to be asked in one way, and what its token service was asked. */
export async function startChallengingRegistry(context: TestContext, setting: Setting) {
  const registry = await registryWith(context, ["a"]);
  const tokenRequests: { readonly url: URL; readonly method: string; readonly authorization: string; body: string }[] =
    [];
  registry.behaviour.intercept = (request, response) => {
    const url = new URL(request.url ?? "", registry.url);
    if (url.pathname.startsWith("/token")) {
      const { method = "", headers } = request;
      const asked = { url, method, authorization: headers.authorization ?? "", body: "" };
      tokenRequests.push(asked);
      request.on("data", (chunk: Buffer) => {
        asked.body += chunk.toString();
      });
      request.on("end", () => {
        if (setting.token === undefined) response.end('{"token":"t"}');
        else setting.token(request, response);
      });
      return true;
    }
    if (request.headers.authorization === setting.accepts) return false;
    const challenges = setting.challenges.map((text) =>
      text.replaceAll("ORIGIN", registry.url).replaceAll("HOST", registry.host),
    );
    response
      .writeHead(
        setting.status ?? 401,
        challenges.flatMap((text) => ["WWW-Authenticate", text]),
      )
      .end();
    return true;
  };
  const { credentials } = setting;
  const credentialsPath =
    credentials === undefined ? undefined : await credentialsFile(context, registry.host, credentials);
  const source = sourceFor(context, { registry: registry.host, credentialsPath, ...setting.source });
  return { registry, tokenRequests, list: async () => (await source.listTags(unhurried)).map(({ tag }) => tag) };
}
