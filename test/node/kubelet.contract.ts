import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ApiClient, ApiStatusError } from "../cluster/api-client.ts";
import { eventually } from "../support/eventually.ts";

/** An image in the registry of a kubelet under test. */
export interface PushedImage {
  /** Registry, repository, tag and digest. */
  readonly reference: string;
  readonly digest: string;
  /** Whether the node is fetching it now. */
  isFetching(): Promise<boolean>;
  /** Whether the node has it. */
  isPresent(): Promise<boolean>;
}

/** What is pushed; an image that runs unless given. */
export interface PushOptions {
  /** False for an image whose container cannot start. */
  readonly hasProgram?: boolean;
  /** True for an index of this image and one of another architecture. */
  readonly isIndex?: boolean;
}

/** A kubelet, real or simulated, with an API server and a registry. */
export interface KubeletPeer extends AsyncDisposable {
  /** As the administrator. */
  readonly api: ApiClient;
  readonly node: string;
  /** A reference that the registry does not have. */
  readonly absentReference: string;
  /** Name of an image that was imported past the registry. */
  readonly importedName: string;
  push(tag: string, options?: PushOptions): Promise<PushedImage>;
  /** Lets pulls that start from now on take several seconds, or as long as they need. */
  setSlow(isSlow: boolean): void;
}

/** As much of a pod as the contract is about. */
interface Pod {
  readonly metadata: { readonly deletionTimestamp?: string };
  readonly status: {
    readonly phase: string;
    readonly reason?: string;
    readonly startTime?: string;
    readonly containerStatuses?: readonly {
      readonly image: string;
      readonly imageID: string;
      readonly state: {
        readonly waiting?: { readonly reason: string; readonly message?: string };
        readonly terminated?: { readonly reason: string; readonly exitCode: number };
      };
    }[];
  };
}

/** One event of a watch over a pod. */
interface Change {
  readonly type: string;
  /** Whether the pod is marked for deletion. */
  readonly isMarked: boolean;
  readonly imageID: string;
}

interface Event {
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: { readonly name: string };
}

interface List<Item> {
  readonly items: readonly Item[];
}

/** A real node on a busy machine takes its time, and reads its images every 30 s. */
const PATIENCE = { withinMs: 180_000, everyMs: 100 };
const NAMESPACE = "/api/v1/namespaces/default";
const DEADLINE_SECONDS = 2;

/** What every kubelet does that the prepuller counts on, or has to live with. */
export function kubeletContract(name: string, start: () => Promise<KubeletPeer>): void {
  describe(`what a kubelet does: ${name}`, () => {
    let peer: KubeletPeer;
    before(async () => {
      peer = await start();
    });
    after(() => peer[Symbol.asyncDispose]());

    async function run(podName: string, image: string, spec: object = {}): Promise<void> {
      const container = { name: "main", image, command: ["/bin/true"] };
      const body = {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: podName },
        spec: {
          nodeName: peer.node,
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          containers: [container],
          ...spec,
        },
      };
      await peer.api.request("POST", `${NAMESPACE}/pods`, { body });
    }

    const pod = (podName: string) => peer.api.request<Pod>("GET", `${NAMESPACE}/pods/${podName}`);
    const remove = (podName: string) =>
      peer.api.request("DELETE", `${NAMESPACE}/pods/${podName}`, { body: { gracePeriodSeconds: 0 } });

    /** Follows a pod from its creation on. */
    async function follow(podName: string): Promise<AsyncDisposable & { readonly seen: readonly Change[] }> {
      const seen: Change[] = [];
      const life = new AbortController();
      const path = `${NAMESPACE}/pods?watch=true&fieldSelector=metadata.name%3D${podName}`;
      const ended = (async () => {
        for await (const { type, object } of peer.api.watch(path, life.signal)) {
          const { metadata, status } = object as Pod;
          const imageID = status.containerStatuses?.[0]?.imageID ?? "";
          seen.push({ type, isMarked: metadata.deletionTimestamp !== undefined, imageID });
        }
      })().catch(() => undefined);
      return {
        seen,
        async [Symbol.asyncDispose]() {
          life.abort();
          await ended;
        },
      };
    }

    async function events(podName: string): Promise<readonly Event[]> {
      const { items } = await peer.api.request<List<Event>>("GET", `${NAMESPACE}/events`);
      return items.filter(({ involvedObject }) => involvedObject.name === podName);
    }

    async function untilPhase(podName: string, phase: string): Promise<Pod> {
      return await eventually(async () => {
        const found = await pod(podName);
        assert.equal(found.status.phase, phase);
        return found;
      }, PATIENCE);
    }

    async function untilReason(podName: string, reason: string): Promise<void> {
      await eventually(async () => {
        const reasons = (await events(podName)).map((event) => event.reason);
        assert.ok(reasons.includes(reason), `${reason} is not among ${reasons.join(", ")}`);
      }, PATIENCE);
    }

    async function isGone(podName: string): Promise<boolean> {
      try {
        await pod(podName);
        return false;
      } catch (error) {
        if (error instanceof ApiStatusError && error.status === 404) return true;
        throw error;
      }
    }

    it("proves a pull by the digest that was asked for, and names the image by its configuration", async () => {
      const image = await peer.push("w_2077_01");
      await run("proof", image.reference);
      const { status } = await untilPhase("proof", "Succeeded");
      const [container] = status.containerStatuses ?? [];
      assert.match(container?.imageID ?? "", new RegExp(`@${image.digest}$`));
      assert.match(container?.image ?? "", /^sha256:[0-9a-f]{64}$/);
      for (const reason of ["Pulling", "Pulled"]) await untilReason("proof", reason);
      await remove("proof");
    });

    it("proves the pull of an index by the digest of the index", async () => {
      const image = await peer.push("w_2077_06", { isIndex: true });
      await run("index", image.reference);
      const { status } = await untilPhase("index", "Succeeded");
      assert.match(status.containerStatuses?.[0]?.imageID ?? "", new RegExp(`@${image.digest}$`));
      await remove("index");
    });

    it("creates a container of an image without the program, and cannot start it", async () => {
      const image = await peer.push("w_2077_02", { hasProgram: false });
      await run("programless", image.reference);
      const container = await eventually(async () => {
        const [status] = (await pod("programless")).status.containerStatuses ?? [];
        assert.equal(status?.state.terminated?.reason, "StartError");
        return status;
      }, PATIENCE);
      assert.equal(container.state.terminated?.exitCode, 128);
      assert.match(container.imageID, new RegExp(`@${image.digest}$`));
      assert.equal((await pod("programless")).status.phase, "Pending");
      await remove("programless");
    });

    it("names the cause of a failed pull at once, and at the end of the message while it backs off", async () => {
      await run("absent", peer.absentReference);
      const messages = new Map<string, string>();
      await eventually(async () => {
        const [status] = (await pod("absent")).status.containerStatuses ?? [];
        const { reason = "", message = "" } = status?.state.waiting ?? {};
        messages.set(reason, message);
        assert.match(
          messages.get("ImagePullBackOff") ?? "",
          /^Back-off pulling image ".*": ErrImagePull: .*: not found$/,
        );
      }, PATIENCE);
      for (const reason of ["Failed", "BackOff"]) await untilReason("absent", reason);
      await remove("absent");
    });

    it("goes on with a pull whose pod is deleted, and lets the node's next pull wait behind it", async () => {
      peer.setSlow(true);
      const [first, second] = [await peer.push("w_2077_03"), await peer.push("w_2077_04")];
      await run("deleted", first.reference);
      await eventually(async () => assert.ok(await first.isFetching()), PATIENCE);
      await run("waiting", second.reference);
      await untilReason("waiting", "Pulling");
      assert.equal(await second.isFetching(), false, "the event is written before the pull has its turn");
      await remove("deleted");
      await eventually(async () => assert.ok(await isGone("deleted")), PATIENCE);
      assert.ok(await first.isFetching(), "the pull goes on without its pod");
      peer.setSlow(false);
      await eventually(async () => assert.ok(await first.isPresent()), PATIENCE);
      await untilPhase("waiting", "Succeeded");
      await remove("waiting");
    });

    it("shows a pod that is deleted without grace once more, as marked, before it is gone", async () => {
      const image = await peer.push("w_2077_07");
      await using changes = await follow("unmarked");
      await run("unmarked", image.reference);
      await untilPhase("unmarked", "Succeeded");
      await remove("unmarked");
      await eventually(() => assert.equal(changes.seen.at(-1)?.type, "DELETED"), PATIENCE);
      assert.deepEqual(
        changes.seen.filter(({ isMarked }) => isMarked).map(({ type }) => type),
        ["MODIFIED", "DELETED"],
      );
    });

    it("starts the container of a pod that is deleted with grace while its pull runs: the pull is proven", async () => {
      peer.setSlow(true);
      const image = await peer.push("w_2077_08");
      await using changes = await follow("graceful");
      await run("graceful", image.reference);
      await eventually(async () => assert.ok(await image.isFetching()), PATIENCE);
      await peer.api.request("DELETE", `${NAMESPACE}/pods/graceful`, { body: { gracePeriodSeconds: 30 } });
      await eventually(() => assert.equal(changes.seen.at(-1)?.type, "DELETED"), PATIENCE);
      peer.setSlow(false);
      assert.ok(changes.seen.some(({ isMarked, imageID }) => isMarked && imageID.endsWith(`@${image.digest}`)));
    });

    it("does not end a pod at its deadline while its pull runs", async () => {
      peer.setSlow(true);
      const image = await peer.push("w_2077_05");
      await run("overdue", image.reference, { activeDeadlineSeconds: DEADLINE_SECONDS });
      await eventually(async () => assert.ok(await image.isFetching()), PATIENCE);
      const startedAt = performance.now();
      let stillPending = 0;
      while (await image.isFetching()) {
        const { phase } = (await pod("overdue")).status;
        if (performance.now() - startedAt > DEADLINE_SECONDS * 1_000 + 500 && phase === "Pending") stillPending += 1;
      }
      assert.ok(stillPending > 0, "the pod was pending after its deadline");
      peer.setSlow(false);
      await eventually(async () => assert.ok(await image.isPresent()), PATIENCE);
      assert.equal((await untilPhase("overdue", "Failed")).status.reason, "DeadlineExceeded");
      await remove("overdue");
    });

    it("reports an imported image by its tag, without a digest", async () => {
      await eventually(async () => {
        const node = await peer.api.request<{ status: { images?: { names: string[] }[] } }>(
          "GET",
          `/api/v1/nodes/${peer.node}`,
        );
        const found = node.status.images?.find(({ names }) => names.includes(peer.importedName));
        assert.deepEqual(found?.names, [peer.importedName]);
      }, PATIENCE);
    });
  });
}
