import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, type TestContext, test } from "node:test";
import { type ChannelCredentials, Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import type { CallerRule } from "../../src/access/authorizer.ts";
import { openCertificates } from "../../src/access/certificate-source.ts";
import type { ImageServiceClient } from "../../src/grpc/gen/labimages/v1/ImageService.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import { accountName, type CallerWorld, callerWorld, tokenOf } from "../support/callers.ts";
import { eventually } from "../support/eventually.ts";
import { mountFiles, pairFiles } from "../support/tls-files.ts";
import { ask, failure, failureOf, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { digestOf, REGISTRY, REPOSITORY } from "./support/images.ts";
import { keepingLogger, type RunningServer, realClock, startServer } from "./support/running-server.ts";

const servers = createCertificateAuthority("servers");
const clients = createCertificateAuthority("clients");

const CALLERS: readonly CallerRule[] = [
  { kind: "account", name: accountName("reader"), permissions: ["read"] },
  { kind: "account", name: accountName("puller"), permissions: ["prepull"] },
  { kind: "account", name: accountName("pusher"), permissions: ["refresh"] },
  { kind: "account", name: accountName("admin"), permissions: ["read", "prepull", "refresh"] },
  { kind: "certificate", name: "hub.example.org", permissions: ["read"] },
  { kind: "certificate", name: "spiffe://example.org/puller", permissions: ["prepull"] },
];

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const REFERENCE = `${REGISTRY}/${REPOSITORY}:w@${digestOf(1)}`;

/** Every method, with a request that its handler takes. */
const METHODS = {
  ResolveImage: { tag: "w_2077_43" },
  ListImages: {},
  GetMenu: {},
  GetPrepullStatus: {},
  WatchPrepullStatus: {},
  ListMissingImages: {},
  MarkPrepulled: { reference: REFERENCE, node: "n" },
  ReportPrepull: { reference: REFERENCE, node: "n", prepullState: "PREPULL_STATE_PULLING" },
  WaitForRefresh: {},
  Refresh: {},
  GetCaller: {},
} as const;

type Method = keyof typeof METHODS;
type Outcome = "OK" | "UNAUTHENTICATED" | "PERMISSION_DENIED" | "UNAVAILABLE";

const READ: readonly Method[] = ["ResolveImage", "ListImages", "GetMenu", "GetPrepullStatus", "WatchPrepullStatus"];
const PREPULL: readonly Method[] = ["ListMissingImages", "MarkPrepulled", "ReportPrepull", "WaitForRefresh"];
const EVERY = Object.keys(METHODS) as Method[];

/** Who calls, how, and which methods are served; all others end with the given code. */
interface Kind {
  readonly token?: string;
  readonly certificate?: ReturnType<typeof clients.issueClientCertificate>;
  readonly allowed: readonly Method[];
  readonly otherwise: Outcome;
}

const KINDS: Readonly<Record<string, Kind>> = {
  nobody: { allowed: [], otherwise: "UNAUTHENTICATED" },
  "a token that is none": { token: "secret", allowed: [], otherwise: "UNAUTHENTICATED" },
  "a token that is not valid": { token: tokenOf("forged"), allowed: [], otherwise: "UNAUTHENTICATED" },
  "a token that has expired": { token: tokenOf("admin", 1), allowed: [], otherwise: "UNAUTHENTICATED" },
  "an account that is not configured": { token: tokenOf("stranger"), allowed: [], otherwise: "PERMISSION_DENIED" },
  "an account of the same name elsewhere": { token: tokenOf("elsewhere"), allowed: [], otherwise: "PERMISSION_DENIED" },
  "an account that may read": {
    token: tokenOf("reader"),
    allowed: [...READ, "GetCaller"],
    otherwise: "PERMISSION_DENIED",
  },
  "an account that may prepull": {
    token: tokenOf("puller"),
    allowed: [...PREPULL, "GetCaller"],
    otherwise: "PERMISSION_DENIED",
  },
  "an account that may refresh": {
    token: tokenOf("pusher"),
    allowed: ["Refresh", "GetCaller"],
    otherwise: "PERMISSION_DENIED",
  },
  "an account that may do everything": { token: tokenOf("admin"), allowed: EVERY, otherwise: "PERMISSION_DENIED" },
  "a certificate with a DNS name": {
    certificate: clients.issueClientCertificate(["HUB.example.org"]),
    allowed: [...READ, "GetCaller"],
    otherwise: "PERMISSION_DENIED",
  },
  "a certificate with two names": {
    certificate: clients.issueClientCertificate(["hub.example.org", "spiffe://example.org/puller"]),
    allowed: [...READ, ...PREPULL, "GetCaller"],
    otherwise: "PERMISSION_DENIED",
  },
  "a certificate of a stranger": {
    certificate: clients.issueClientCertificate(["hub.example.com"]),
    allowed: [],
    otherwise: "PERMISSION_DENIED",
  },
  "a certificate with the name as common name alone": {
    certificate: clients.issueClientCertificate([], { commonName: "hub.example.org" }),
    allowed: [],
    otherwise: "UNAUTHENTICATED",
  },
  "a certificate that may read, with a token that is not valid": {
    certificate: clients.issueClientCertificate(["hub.example.org"]),
    token: tokenOf("forged"),
    allowed: [],
    otherwise: "UNAUTHENTICATED",
  },
};

async function startGuarded(context: TestContext, world: CallerWorld, clock = realClock): Promise<RunningServer> {
  const pair = servers.issueServerCertificate(["127.0.0.1", "localhost"]);
  const files = await mountFiles(context, pairFiles(pair, clients.certificatePem));
  const certificates = await openCertificates({
    key: "grpc.tls",
    files,
    clock: realClock,
    logger: keepingLogger([]),
    alerts: alertRecorder(),
    observeNotAfter: () => undefined,
  });
  context.after(() => certificates.stop());
  for (const name of ["reader", "puller", "pusher", "admin", "stranger"]) {
    world.accounts.set(tokenOf(name), accountName(name));
  }
  world.accounts.set(tokenOf("elsewhere"), accountName("admin", "default"));
  const state = fakeState(snapshotOf(1, { images: [] }));
  const tls = { certificates, clientCertificates: "optional" } as const;
  return await startServer(context, { state, tls, clock, auth: world.authorizer });
}

function channelOf({ certificate, token }: Pick<Kind, "certificate" | "token">): ChannelCredentials {
  const root = Buffer.from(servers.certificatePem);
  const channel =
    certificate === undefined
      ? credentials.createSsl(root)
      : credentials.createSsl(root, Buffer.from(certificate.privateKeyPem), Buffer.from(certificate.certificatePem));
  if (token === undefined) return channel;
  const sender = credentials.createFromMetadataGenerator((_options, callback) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    callback(null, metadata);
  });
  return credentials.combineChannelCredentials(channel, sender);
}

/** How a call ends: OK where its handler is reached, whatever that makes of it. */
function outcomeOf(client: ImageServiceClient, method: Method): Promise<{ code: string; text: string }> {
  return new Promise((resolve) => {
    const end = (error: ServiceError | null) => {
      const { code, text } = error === null ? { code: "OK", text: "" } : failureOf(error);
      resolve({ code: code === "NOT_FOUND" ? "OK" : code, text });
    };
    if (method === "WatchPrepullStatus" || method === "WaitForRefresh") {
      const stream = client[method]({});
      stream.on("error", end).on("data", () => undefined);
      stream.once("metadata", () => {
        end(null);
        stream.cancel();
      });
    } else ask<object, unknown>(client, client[method], METHODS[method]).then(() => end(null), end);
  });
}

test("G7: callers and methods", async (context) => {
  const world = callerWorld(CALLERS);
  const running = await startGuarded(context, world);
  for (const [who, kind] of Object.entries(KINDS)) {
    const client = running.newClient({}, channelOf(kind));
    for (const method of EVERY) {
      const expected = kind.allowed.includes(method) ? "OK" : kind.otherwise;
      await context.test(`${who}: ${method} ends with ${expected}`, async () => {
        const { code, text } = await outcomeOf(client, method);
        assert.equal(code, expected, text);
        if (expected === "PERMISSION_DENIED") assert.match(text, new RegExp(`lacks .*, which .*${method} needs$`));
      });
    }
    client.close();
  }
  const said = JSON.stringify([running.log, world.log]);
  for (const { token } of Object.values(KINDS)) if (token !== undefined) assert.ok(!said.includes(token), "no token");
});

test("G7: a denial names who was seen and what is lacking, for machines too", async (context) => {
  const running = await startGuarded(context, callerWorld(CALLERS));
  const client = running.newClient({}, channelOf({ token: tokenOf("reader") }));
  const { reason, text, metadata } = await failure(ask(client, client.Refresh, {}));
  assert.equal(reason, "PERMISSION_DENIED");
  assert.equal(
    text,
    "system:serviceaccount:labs:reader lacks the permission refresh, which labimages.v1.ImageService/Refresh needs",
  );
  assert.deepEqual(metadata, { caller: "system:serviceaccount:labs:reader", permission: "refresh" });
  assert.deepEqual(
    running.calls.map(({ method, code }) => [method, code]),
    [["labimages.v1.ImageService/Refresh", "PERMISSION_DENIED"]],
  );
});

for (const open of [["health"], ["health", "reflection"], []] as const) {
  test(`health and reflection are open as configured: ${open.join(" and ") || "neither"}`, async (context) => {
    const running = await startGuarded(context, callerWorld(CALLERS, { public: open }));
    const reachable = async (path: string, token?: string): Promise<boolean> => {
      const client = new Client(running.address, channelOf(token === undefined ? {} : { token }), {
        "grpc.use_local_subchannel_pool": 1,
      });
      context.after(() => client.close());
      const code = await new Promise((resolve) => {
        const pass = (value: Buffer) => value;
        const stream = client.makeBidiStreamRequest(path, pass, pass);
        stream.on("error", (error: ServiceError) => resolve(error.code));
        stream.on("data", () => resolve(status.OK)).on("end", () => resolve(status.OK));
        stream.end(Buffer.alloc(0));
      });
      return code !== status.UNAUTHENTICATED;
    };
    const [health, reflection] = ["/grpc.health.v1.Health/Check", REFLECTION];
    assert.equal(
      await reachable(health),
      open.some((each) => each === "health"),
    );
    assert.equal(
      await reachable(reflection),
      open.some((each) => each === "reflection"),
    );
    assert.equal(await reachable(health, tokenOf("reader")), true);
    assert.equal(await reachable(reflection, tokenOf("pusher")), true);
  });
}

test("G7: while no token can be reviewed nobody is let in, but those reviewed within a minute", async (context) => {
  const world = callerWorld(CALLERS);
  const running = await startGuarded(context, world);
  const known = running.newClient({}, channelOf({ token: tokenOf("reader") }));
  await ask(known, known.GetMenu, {});
  world.isDown = true;
  await ask(known, known.GetMenu, {});
  const other = running.newClient({}, channelOf({ token: tokenOf("admin") }));
  const refused = await failure(ask(other, other.GetMenu, {}));
  assert.deepEqual([refused.code, refused.reason], ["UNAVAILABLE", "KUBERNETES_UNAVAILABLE"]);
  world.isDown = false;
  await ask(other, other.GetMenu, {});
  assert.equal(world.reviewed.length, 3);
});

test("who changes something is logged with what, and a read is not", async (context) => {
  const running = await startGuarded(context, callerWorld(CALLERS));
  const client = running.newClient({}, channelOf({ token: tokenOf("admin") }));
  await ask(client, client.GetMenu, {});
  await ask(client, client.MarkPrepulled, METHODS.MarkPrepulled);
  assert.deepEqual(
    running.log.map(({ level, message, fields }) => ({ level, message, ...fields })),
    [
      {
        level: "info",
        message: "call that changes something",
        caller: accountName("admin"),
        method: "labimages.v1.ImageService/MarkPrepulled",
        reference: REFERENCE,
        node: "n",
      },
    ],
  );
});

test("calls that wait for the review of one token share it, and are served in full", async (context) => {
  const world = callerWorld(CALLERS);
  const running = await startGuarded(context, world);
  const client = running.newClient({}, channelOf({ token: tokenOf("reader") }));
  const { promise, resolve } = Promise.withResolvers<void>();
  world.hold = promise;
  const calls = Array.from({ length: 80 }, () => ask(client, client.GetMenu, {}));
  await eventually(() => assert.equal(world.reviewed.length, 1));
  resolve();
  for (const { state } of await Promise.all(calls)) assert.equal(state?.generation, 1);
  assert.equal(world.reviewed.length, 1);
});

test("one caller has as many calls open as it may, whatever its connections", async (context) => {
  const running = await startGuarded(context, callerWorld(CALLERS, { maxCallsPerCaller: 2 }));
  const channel = () => channelOf({ token: tokenOf("reader") });
  const watches = [running.newClient({}, channel()), running.newClient({}, channel())].map((client) =>
    client.WatchPrepullStatus({}),
  );
  for (const watch of watches)
    await once(
      watch.on("error", () => undefined),
      "data",
    );
  const client = running.newClient({}, channel());
  assert.equal((await failure(ask(client, client.GetMenu, {}))).reason, "TOO_MANY_STREAMS");
  const other = running.newClient({}, channelOf({ token: tokenOf("admin") }));
  await ask(other, other.GetMenu, {});
  watches[0]?.cancel();
  await eventually(() => ask(client, client.GetMenu, {}));
});

describe("G7: streams are authorised again every five minutes", () => {
  /** A clock whose long intervals a test makes pass. */
  function steppedClock() {
    const due = new Set<() => void>();
    const schedule = (ms: number, callback: () => void) => {
      if (ms < 15_000) return realClock.schedule(ms, callback);
      due.add(callback);
      return () => void due.delete(callback);
    };
    const pass = () => {
      for (const callback of [...due]) {
        due.delete(callback);
        callback();
      }
    };
    return { clock: { ...realClock, schedule }, pass, due };
  }

  async function watching(context: TestContext) {
    const { clock, pass, due } = steppedClock();
    let skippedMs = 0;
    const later = { ...clock, monotonicTime: () => realClock.monotonicTime() + skippedMs };
    const world = callerWorld(CALLERS, {}, later);
    const running = await startGuarded(context, world, clock);
    const client = running.newClient({}, channelOf({ token: tokenOf("reader") }));
    const watch = receive(client.WatchPrepullStatus({}));
    await eventually(() => assert.equal(watch.messages.length, 1));
    const fiveMinutes = () => {
      skippedMs += 300_000;
      pass();
    };
    return { world, running, watch, fiveMinutes, due };
  }

  test("one whose token still counts goes on", async (context) => {
    const { world, running, watch, fiveMinutes } = await watching(context);
    fiveMinutes();
    await eventually(() => assert.equal(world.reviewed.length, 2));
    for (const listener of running.state.listeners) listener();
    assert.equal(running.openStreams(), 1);
    assert.equal(watch.messages.length, 1);
  });

  test("one whose token has been revoked ends", async (context) => {
    const { world, watch, fiveMinutes, due } = await watching(context);
    world.accounts.clear();
    fiveMinutes();
    assert.equal((await watch.ended).code, "UNAUTHENTICATED");
    await eventually(() => assert.equal(due.size, 0, "nothing is left of it"));
  });

  test("one whose token cannot be reviewed ends after a minute of attempts", async (context) => {
    const { world, watch, running, fiveMinutes, due } = await watching(context);
    world.isDown = true;
    for (let attempts = 2; attempts <= 5; attempts++) {
      await eventually(() => assert.equal(due.size, 1));
      assert.equal(running.openStreams(), 1);
      fiveMinutes();
      await eventually(() => assert.equal(world.reviewed.length, attempts));
    }
    assert.equal((await watch.ended).code, "UNAVAILABLE");
  });
});
