import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { BodyEncodingError, readBody } from "../../src/registry/http/body.ts";
import { startChallengingRegistry } from "./challenging-registry.ts";
import { REPOSITORY } from "./source-under-test.ts";
import { answering, isUnavailable, sourceWithFaults } from "./source-with-faults.ts";

const list = JSON.stringify({ name: REPOSITORY, tags: ["a", "b"] });
const encodings = ["gzip", "x-gzip", "deflate", "br", "zstd", "identity", "unheard-of"];

describe("encoded bodies", () => {
  for (const encoding of encodings) {
    test(`F9: an empty 401 said to be encoded as ${encoding} is a challenge all the same`, async (context) => {
      const { registry, list: names } = await startChallengingRegistry(context, {
        challenges: ['Bearer realm="ORIGIN/token"'],
        accepts: "Bearer t",
      });
      const before = registry.behaviour.intercept;
      registry.behaviour.intercept = (request, response) => {
        const isRefused = request.headers.authorization === undefined && request.url?.startsWith("/token") !== true;
        if (isRefused) response.setHeader("content-encoding", encoding);
        return before?.(request, response) === true;
      };
      assert.deepEqual(await names(), ["a"]);
    });
  }

  test("F9: a refusal counts whatever its body is: not of its encoding, cut short, or too long", async (context) => {
    const bodies: readonly ((response: ServerResponse) => void)[] = [
      (response) => response.setHeader("content-encoding", "gzip").end("<html>not gzip</html>"),
      (response) => response.setHeader("content-encoding", "gzip").end(gzipSync("<html>").subarray(0, 12)),
      (response) => response.setHeader("content-encoding", "unheard-of").end("x"),
      (response) => response.end("x".repeat(1_000_000)),
      (response) => {
        response.setHeader("content-length", "1000").write("cut");
        setImmediate(() => response.destroy());
      },
    ];
    for (const [index, write] of bodies.entries()) {
      const { registry, list: names } = await startChallengingRegistry(context, {
        challenges: ['Bearer realm="ORIGIN/token"'],
        accepts: "Bearer t",
      });
      const good = registry.behaviour.intercept;
      registry.behaviour.intercept = (request: IncomingMessage, response: ServerResponse) => {
        const isPlain = request.headers.authorization === undefined && request.url?.startsWith("/token") !== true;
        if (!isPlain) return good?.(request, response) === true;
        response.statusCode = 401;
        response.setHeader("www-authenticate", `Bearer realm="${registry.url}/token"`);
        write(response);
        return true;
      };
      assert.deepEqual(await names(), ["a"], String(index));
    }
  });

  test("F9: an encoding that leaves the bytes as they are is none, and deflate has two forms", async (context) => {
    const { registry, list: names } = await sourceWithFaults(context);
    const bodies: readonly (readonly [string, string | Buffer])[] = [
      ["identity", list],
      ["none", list],
      ["UTF-8", list],
      ["aws-chunked", list],
      ["", list],
      [" GZIP ", gzipSync(list)],
      ["x-gzip", gzipSync(list)],
      ["deflate", deflateSync(list)],
      ["deflate", deflateRawSync(list)],
      ["br", brotliCompressSync(list)],
    ];
    for (const [encoding, body] of bodies) {
      registry.behaviour.intercept = answering(200, { "content-encoding": encoding }, body);
      assert.deepEqual(await names(), ["a", "b"], encoding);
    }
    registry.behaviour.intercept = answering(200, { "content-encoding": "gzip" }, gzipSync(list).subarray(0, -9));
    await assert.rejects(names(), isUnavailable(/breaks off its answer \(Z_BUF_ERROR\)$/));
  });

  test("F9: a body in pieces of a byte is inflated as one", async () => {
    for (const [encoding, bytes] of [
      ["gzip", gzipSync(list)],
      ["deflate", deflateSync(list)],
      ["br", brotliCompressSync(list)],
    ] as const) {
      const pieces = [...bytes].map((byte) => Buffer.of(byte));
      assert.equal((await readBody(Readable.from(pieces), encoding, 1_000)).toString(), list, encoding);
    }
    for (const encoding of encodings) assert.equal((await readBody(Readable.from([]), encoding, 0)).length, 0);
    await assert.rejects(readBody(Readable.from([Buffer.from("x")]), "unheard-of", 10), BodyEncodingError);
  });
});
