import assert from "node:assert/strict";
import { bufCurl } from "./buf-curl.ts";
import type { ImageServiceClient } from "./grpc-client.ts";
import type { ImageServiceMethods as Methods } from "./grpc-messages.ts";

/** An answer in which a client may leave out what has its default value, as JSON does. */
export type Sparse<T> = T extends readonly (infer Entry)[]
  ? readonly Sparse<Entry>[]
  : T extends object
    ? { readonly [Key in keyof T]?: Sparse<T[Key]> | undefined }
    : T;

/** Asks everything twice: through the grpc-js client and through `buf curl`, which have to hear the same. */
export interface BothClients {
  ask<Method extends keyof Methods>(
    method: Method,
    request: Methods[Method]["request"],
    check: (answer: Sparse<Methods[Method]["response"]>) => void,
  ): Promise<void>;
  /** Asks what has to fail with this code and reason. */
  refuse<Method extends keyof Methods>(
    method: Method,
    request: Methods[Method]["request"],
    failure: { readonly code: string; readonly reason: string },
  ): Promise<void>;
}

/** Both clients of one server. */
export function bothClients(address: string, client: ImageServiceClient): BothClients {
  return {
    async ask(method, request, check) {
      check((await client.call(method, request)) as Parameters<typeof check>[0]);
      const { message, failure } = await bufCurl(address, method, request);
      assert.equal(failure, null);
      check(message as Parameters<typeof check>[0]);
    },
    async refuse(method, request, { code, reason }) {
      await assert.rejects(client.call(method, request), { code, reason });
      const { failure } = await bufCurl(address, method, request);
      assert.deepEqual([failure?.code.toUpperCase(), failure?.reason], [code, reason]);
    },
  };
}
