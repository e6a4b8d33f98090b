import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { exchange } from "./support/raw-http.ts";
import { startHttp } from "./support/running-server.ts";

const CLOSE = "Connection: close";
const LOCAL = "Host: localhost";

describe("F68: what a request asks for, and of whom (RFC 9112)", { concurrency: true }, () => {
  const requests: readonly (readonly [what: string, status: number, lines: readonly string[]])[] = [
    ["two Host headers", 400, ["GET /livez HTTP/1.1", LOCAL, LOCAL]],
    ["two Host headers in other case", 400, ["GET /livez HTTP/1.1", LOCAL, "HOST: example.org"]],
    ["no Host header", 400, ["GET /livez HTTP/1.1"]],
    ["a Host header with a path", 400, ["GET /livez HTTP/1.1", "Host: localhost/x"]],
    ["a Host header with a user", 400, ["GET /livez HTTP/1.1", "Host: me@localhost"]],
    ["a Host header with two names", 400, ["GET /livez HTTP/1.1", "Host: localhost, localhost"]],
    ["an empty Host header", 421, ["GET /livez HTTP/1.1", "Host: "]],
    ["an upper-case name", 200, ["GET /livez HTTP/1.1", "Host: LOCALHOST:8080"]],
    ["a name with a trailing dot", 200, ["GET /livez HTTP/1.1", "Host: localhost."]],
    ["HTTP/1.0 without Host header", 200, ["GET /livez HTTP/1.0"]],
    ["HTTP/1.0 under another name", 421, ["GET /livez HTTP/1.0", "Host: example.org"]],
    ["an absolute target", 200, ["GET http://localhost:8080/livez HTTP/1.1", LOCAL]],
    ["an absolute target in upper case", 200, ["GET HTTP://LOCALHOST/livez HTTP/1.1", LOCAL]],
    ["an absolute target with a query", 200, ["GET http://localhost/readyz?verbose HTTP/1.1", LOCAL]],
    ["an absolute target overrides the Host header", 200, ["GET http://localhost/livez HTTP/1.1", "Host: example.org"]],
    ["an absolute target of another host", 421, ["GET http://example.org/livez HTTP/1.1", LOCAL]],
    ["an absolute target of the root", 404, ["GET http://localhost HTTP/1.1", LOCAL]],
    ["an absolute target without host", 400, ["GET http:///livez HTTP/1.1", LOCAL]],
    ["an absolute target with a user", 400, ["GET http://me@localhost/livez HTTP/1.1", LOCAL]],
    ["an absolute target of another scheme", 400, ["GET ftp://localhost/livez HTTP/1.1", LOCAL]],
    ["two slashes", 404, ["GET //livez HTTP/1.1", LOCAL]],
    ["two slashes and another host", 404, ["GET //example.org/livez HTTP/1.1", LOCAL]],
    ["a slash at the end", 404, ["GET /livez/ HTTP/1.1", LOCAL]],
    ["a percent-encoded letter", 200, ["GET /%6civez HTTP/1.1", LOCAL]],
    ["a percent-encoded slash", 404, ["GET /spawner%2Fv1%2Fimages HTTP/1.1", LOCAL]],
    ["a percent-encoded zero byte", 404, ["GET /livez%00 HTTP/1.1", LOCAL]],
    ["a percent sign that encodes nothing", 400, ["GET /livez%zz HTTP/1.1", LOCAL]],
    ["a target without slash", 400, ["GET livez HTTP/1.1", LOCAL]],
    ["the server as a whole", 204, ["OPTIONS * HTTP/1.1", LOCAL]],
    ["the server as a whole, with another method", 400, ["GET * HTTP/1.1", LOCAL]],
    ["a tunnel", 405, ["CONNECT localhost:443 HTTP/1.1", LOCAL]],
    ["an upgrade", 200, ["GET /livez HTTP/1.1", LOCAL, "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"]],
    ["an unknown expectation", 417, ["GET /livez HTTP/1.1", LOCAL, "Expect: miracles"]],
    ["lengths that disagree", 400, ["POST /livez HTTP/1.1", LOCAL, "Content-Length: 1", "Content-Length: 2"]],
    ["a length and chunks", 400, ["POST /livez HTTP/1.1", LOCAL, "Content-Length: 1", "Transfer-Encoding: chunked"]],
    ["a length that is none", 400, ["POST /livez HTTP/1.1", LOCAL, "Content-Length: 1x"]],
    [
      "a transfer that does not end in chunks",
      400,
      ["POST /livez HTTP/1.1", LOCAL, "Transfer-Encoding: chunked, gzip"],
    ],
    ["a header line with a space before its colon", 400, ["GET /livez HTTP/1.1", LOCAL, "X-A : b"]],
    ["a method that nobody knows", 400, ["BREW /livez HTTP/1.1", LOCAL]],
    ["a method in lower case", 400, ["get /livez HTTP/1.1", LOCAL]],
    ["a version that nobody knows", 400, ["GET /livez HTTP/3.7", LOCAL]],
    ["HTTP/2", 400, ["PRI * HTTP/2.0", LOCAL]],
    ["no HTTP", 400, ["\u0016\u0003\u0001"]],
  ];
  for (const [what, status, lines] of requests) {
    test(`${what}: ${status}`, async (context) => {
      const { port } = await startHttp(context);
      const { statuses, text } = await exchange(context, port, [...lines, CLOSE]);
      assert.deepEqual(statuses(), [status], text());
    });
  }

  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]) {
    test(`${method} is refused with the methods that are allowed`, async (context) => {
      const { port } = await startHttp(context);
      const { statuses, text } = await exchange(context, port, [`${method} /livez HTTP/1.1`, LOCAL, CLOSE]);
      assert.deepEqual(statuses(), [405]);
      assert.match(text(), /^Allow: GET, HEAD\r$/m);
    });
  }

  test("HEAD of a path that is not there has no body", async (context) => {
    const { port } = await startHttp(context);
    const { text } = await exchange(context, port, ["HEAD /nothing HTTP/1.1", LOCAL, CLOSE]);
    assert.match(text(), /^HTTP\/1\.1 404 .*\r\n\r\n$/s);
  });
});
