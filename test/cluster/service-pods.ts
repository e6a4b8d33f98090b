import { setTimeout as delay } from "node:timers/promises";
import { ownInstance } from "../../src/app/environment.ts";
import { prepullPodSelector } from "../../src/kubernetes/pods/prepull-pod.ts";
import { createKubeletClient, type KubeletApiAddress } from "../../src/simulation/kubelet/kubelet-client.ts";

/** What is known of one pod of the prepuller that is there or has been. */
export interface SeenPod {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly image: string;
  /** Kinds of the owners. */
  readonly owners: readonly string[];
  /** Whether a container was ever seen to be created from the image. */
  readonly proven: boolean;
  readonly gone: boolean;
}

/** The pods of a prepuller from the first to the last, as somebody sees them who watches the API server. */
export interface PodHistory extends AsyncDisposable {
  /** In the order in which they were first seen. */
  readonly pods: readonly SeenPod[];
  /** Those that are there. */
  readonly present: readonly SeenPod[];
  /** The most that were there at one time. */
  readonly peak: number;
  /** Names that more than one pod has had, one after the other. */
  readonly repeated: readonly string[];
  /** Pods that went before a container was created from their image. */
  readonly lost: readonly SeenPod[];
}

interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly ownerReferences?: readonly { readonly kind: string }[];
  };
  readonly spec: { readonly nodeName: string; readonly containers: readonly { readonly image: string }[] };
  readonly status?: { readonly containerStatuses?: readonly { readonly imageID?: string }[] };
}

interface PodList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly PodObject[];
}

/** Before the next list, where a watch has ended; milliseconds. */
const PAUSE_MS = 50;

/** Begins to record before it resolves: no pod that is made later is missed while the server answers. */
export async function recordPods(
  address: KubeletApiAddress,
  namespace: string,
  leaseName = "lab-images-prepuller",
): Promise<PodHistory> {
  const client = createKubeletClient(address);
  // The processes of the service inherit our environment.
  const selector = prepullPodSelector(ownInstance(process.env, leaseName));
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
  const seen = new Map<string, SeenPod>();
  const life = new AbortController();
  let present = 0;
  let peak = 0;

  /** The server's own order: a pod that comes when another has gone does not count beside it. */
  function keep(pod: SeenPod): void {
    const before = seen.get(pod.uid);
    seen.set(pod.uid, pod);
    present += Number(!pod.gone) - Number(before?.gone === false);
    peak = Math.max(peak, present);
  }

  function note(object: PodObject, gone: boolean): void {
    const { name, uid, ownerReferences = [] } = object.metadata;
    const known = seen.get(uid);
    const created = object.status?.containerStatuses?.some(({ imageID = "" }) => imageID !== "") === true;
    const { nodeName, containers } = object.spec;
    keep({
      name,
      uid,
      node: nodeName,
      image: containers[0]?.image ?? "",
      owners: ownerReferences.map(({ kind }) => kind),
      proven: created || known?.proven === true,
      gone: gone || known?.gone === true,
    });
  }

  async function list(): Promise<string> {
    const { items, metadata } = (await client.request("GET", path)) as unknown as PodList;
    const listed = new Set(items.map((item) => item.metadata.uid));
    for (const pod of [...seen.values()]) if (!listed.has(pod.uid)) keep({ ...pod, gone: true });
    for (const item of items) note(item, false);
    return metadata.resourceVersion;
  }

  async function follow(first: string): Promise<void> {
    for (let version: string | null = first; !life.signal.aborted; version = await list().catch(() => null)) {
      const onEvent = ({ type, object }: { type: string; object: unknown }) => {
        if (type !== "ERROR" && type !== "BOOKMARK") note(object as PodObject, type === "DELETED");
      };
      if (version !== null) await client.watch(`${path}&watch=true&resourceVersion=${version}`, onEvent, life.signal);
      await delay(PAUSE_MS, undefined, { signal: life.signal }).catch(() => undefined);
    }
  }

  const ended = follow(await list());
  return {
    get pods() {
      return [...seen.values()];
    },
    get present() {
      return [...seen.values()].filter(({ gone }) => !gone);
    },
    get peak() {
      return peak;
    },
    get repeated() {
      return repetitions([...seen.values()].map(({ name }) => name));
    },
    get lost() {
      return [...seen.values()].filter(({ gone, proven }) => gone && !proven);
    },
    async [Symbol.asyncDispose]() {
      life.abort(new Error("the record is closed"));
      await ended;
      client.close();
    },
  };
}

/** What comes more than once, each time but the first. */
function repetitions(names: readonly string[]): readonly string[] {
  const known = new Set<string>();
  return names.filter((name) => known.size === known.add(name).size);
}
