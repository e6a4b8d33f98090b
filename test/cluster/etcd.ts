import { request } from "undici";

/** The key in which API servers share how far history has been compacted. */
const COMPACT_REVISION_KEY = "compact_rev_key";

/** A key outside of what API servers read. */
const OWN_KEY = "lab-images-tests";

/** Whether the etcd at `url` has a leader and serves. */
export async function isEtcdHealthy(url: string): Promise<boolean> {
  const { statusCode, body } = await request(new URL("/readyz", url), {
    signal: AbortSignal.timeout(2_000),
  });
  await body.dump();
  return statusCode === 200;
}

/**
 * Throws away all history of etcd up to now, as API servers do by themselves for what is older than five minutes, and
 * leaves the note by which they learn of it. They look for it every 15 s.
 */
export async function compactEtcd(url: string): Promise<void> {
  // A compaction keeps the revision that it names, so a new one is made first: all that clients know is older.
  const revision = await put(url, OWN_KEY, "");
  await put(url, COMPACT_REVISION_KEY, revision);
  await call(url, "compaction", { revision, physical: true });
}

async function put(url: string, key: string, value: string): Promise<string> {
  const answer = await call<{ header: { revision: string } }>(url, "put", { key: base64(key), value: base64(value) });
  return answer.header.revision;
}

/** etcd serves its gRPC methods as JSON too, bytes in base64 and 64-bit numbers as text. */
async function call<T = unknown>(url: string, method: string, body: unknown): Promise<T> {
  const response = await request(new URL(`/v3/kv/${method}`, url), {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if (response.statusCode !== 200) {
    throw new Error(`etcd refused ${method}: ${await response.body.text()}`);
  }
  return (await response.body.json()) as T;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
