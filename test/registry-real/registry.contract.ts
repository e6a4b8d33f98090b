import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";

/** A registry, real or simulated, without any repository at first. */
export interface RegistryPeer extends AsyncDisposable {
  readonly url: string;
  readonly repository: string;
  /** Pushes a manifest; the same content gives the same digest. Returns the digest. */
  push(tag: string, content: string): Promise<string>;
  /** Calls `listener` with each notification that arrives, and waits for it before the registry gets its response. */
  onNotification(listener: (body: string) => Promise<void>): void;
}

const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

interface Listing {
  readonly tags: readonly string[] | null;
  /** Query of the `Link` header, or null. */
  readonly next: URLSearchParams | null;
}

/** What every registry does that the image source counts on, or has to live with. */
export function registryContract(name: string, start: () => Promise<RegistryPeer>): void {
  describe(`what a registry does: ${name}`, () => {
    let peer: RegistryPeer;
    const digests = new Map<string, string>();
    before(async () => {
      peer = await start();
    });
    after(() => peer[Symbol.asyncDispose]());

    const get = (path: string, method = "GET") =>
      fetch(`${peer.url}/v2/${peer.repository}/${path}`, { method, headers: { accept: MANIFESTS } });

    async function list(query: string): Promise<Listing> {
      const response = await get(`tags/list${query}`);
      assert.equal(response.status, 200);
      const { tags } = (await response.json()) as { tags: string[] | null };
      const [, target] = /^<([^>]+)>; *rel="next"$/.exec(response.headers.get("link") ?? "") ?? [];
      return { tags, next: target === undefined ? null : new URL(target, peer.url).searchParams };
    }

    async function untilListed(tag: string): Promise<void> {
      await eventually(async () => assert.ok((await list("")).tags?.includes(tag)));
    }

    it("does not know a repository before the first push", async () => {
      const response = await get("tags/list");
      assert.equal(response.status, 404);
      assert.match(await response.text(), /"NAME_UNKNOWN"/);
    });

    it("may notify before the tag is there, and has it soon after (F71)", async () => {
      let body = "";
      const listed: boolean[] = [];
      peer.onNotification(async (text) => {
        const [event] = (JSON.parse(text) as { events: { action: string; target: { tag?: string } }[] }).events;
        if (event?.action !== "push" || event.target.tag === undefined) return;
        body = text;
        const response = await get("tags/list");
        listed.push(response.ok && ((await response.json()) as { tags: string[] }).tags.includes(event.target.tag));
      });
      for (const tag of ["w_2077_40", "w_2077_41", "w_2077_42"]) digests.set(tag, await peer.push(tag, tag));
      await eventually(() => assert.equal(listed.length, 3));
      for (const tag of digests.keys()) await untilListed(tag);
      const [event] = (JSON.parse(body) as { events: { target: Record<string, unknown> }[] }).events;
      assert.equal(event?.target["repository"], peer.repository);
      assert.equal(event?.target["digest"], digests.get("w_2077_42"));
    });

    it("lists each tag once over all pages, whatever it makes of n and last", async () => {
      // docker-registry 2.8 pages nothing, sorts nothing and looks at neither parameter.
      for (const query of ["", "?n=2", "?n=100"]) {
        const seen: string[] = [];
        for (let next: string | null = query; next !== null; ) {
          const page = await list(next);
          seen.push(...(page.tags ?? []));
          next = page.next === null ? null : `?${page.next}`;
        }
        assert.equal(seen.length, digests.size);
        assert.deepEqual(new Set(seen), new Set(digests.keys()));
      }
      const beyond = await list("?n=2&last=w_2077_42");
      const news = (beyond.tags ?? []).filter((tag) => !digests.has(tag));
      assert.deepEqual([news, beyond.next], [[], null], "there is nothing new after the last tag");
    });

    it("names the digest of a tag at HEAD and at GET, and serves the manifest by its digest", async () => {
      const digest = digests.get("w_2077_40") ?? "";
      for (const method of ["HEAD", "GET"]) {
        for (const reference of ["w_2077_40", digest]) {
          const response = await get(`manifests/${reference}`, method);
          assert.equal(response.status, 200);
          assert.equal(response.headers.get("docker-content-digest"), digest);
          await response.arrayBuffer();
        }
      }
    });

    it("does not know a tag that was never pushed", async () => {
      for (const method of ["HEAD", "GET"]) {
        const response = await get("manifests/w_2077_39", method);
        assert.equal(response.status, 404);
        if (method === "GET") assert.match(await response.text(), /"MANIFEST_UNKNOWN"/);
      }
    });

    it("moves a tag to what is pushed under it, and keeps the manifest of before", async () => {
      const before = digests.get("w_2077_41") ?? "";
      const moved = await peer.push("w_2077_41", "another content");
      assert.notEqual(moved, before);
      await eventually(async () => {
        const response = await get("manifests/w_2077_41", "HEAD");
        assert.equal(response.headers.get("docker-content-digest"), moved);
      });
      assert.equal((await get(`manifests/${before}`, "HEAD")).status, 200);
    });
  });
}
