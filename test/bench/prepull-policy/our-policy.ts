import type { NodeReport } from "../../../src/domain/nodes/node-report.ts";
import type { CoordinatorEmitted } from "../../../src/machines/coordinator.ts";
import type { Clock, ImageSource, Logger, NodeListener, NodeSource, Puller } from "../../../src/ports.ts";
import { createImageService, type ImageService } from "../../../src/service/image-service.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Scenario } from "./scenario.ts";
import { seededRandom } from "./scenario.ts";
import type { Transfer, Transfers } from "./transfers.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Milliseconds until the kubelet's report shows what was pulled. */
const REPORT_DELAY = 20_000;

/** Our own machines in the simulated cluster; `joined` tells the watch of a node that has come. */
export interface OurRun {
  joined(node: string): void;
  /** Whether a refresh is under way, which needs some turns of the event loop and no virtual time. */
  isRefreshing(): boolean;
  stop(): void;
}

/** Starts the real service, coordinator and prepuller and all, on the simulated registry and cluster. */
export function startOurPolicy(
  scenario: Scenario,
  clock: VirtualClock,
  transfers: Transfers,
  arrivals: Arrivals,
): OurRun {
  const random = seededRandom(scenario.seed + 1);
  const images = new Map(scenario.images.map((image) => [image.digest, image]));
  let listener: NodeListener | null = null;

  function report(node: string): void {
    const change = { type: "node.reported" as const, node: reportOf(node), observedAt: clock.monotonicTime() };
    listener?.changed([change]);
  }

  function reportOf(name: string): NodeReport {
    const lacking = new Set(arrivals.missing(name).map(({ digest }) => digest));
    const held = scenario.images.filter(({ digest }) => !lacking.has(digest));
    const reported = held.map(({ digest, sizeBytes }) => ({ digests: [digest], sizeBytes }));
    return { name, uid: `uid-${name}`, architecture: "amd64", taints: [], images: reported };
  }

  const nodes: NodeSource = {
    list(onPage) {
      onPage({ nodes: arrivals.nodes().map(reportOf), observedAt: clock.monotonicTime() });
      return Promise.resolve();
    },
    follow(follower) {
      listener = follower;
    },
  };
  const puller: Puller = {
    async pull({ node, digest, timeout }, signal) {
      const image = images.get(digest);
      if (image === undefined) {
        return { kind: "failed", failureClass: "image-not-found", reason: "ErrImagePull", message: "no such image" };
      }
      const transfer = transfers.start(node, image);
      if (!(await arrivesInTime(transfer, timeout, clock, signal))) {
        const message = "the pull took too long";
        return { kind: "failed", failureClass: "timeout", reason: "DeadlineExceeded", message };
      }
      arrivals.arrived(node, image);
      clock.schedule(REPORT_DELAY, () => report(node));
      return { kind: "pulled" };
    },
    tryPod: () => Promise.resolve(null),
    recover: () => Promise.resolve([]),
  };
  let isRefreshing = false;
  const service = createService({ scenario, clock, random, nodes, puller }, ({ type }) => {
    if (type === "refresh.started") isRefreshing = true;
    if (type === "refresh.settled") isRefreshing = false;
  });
  service.start();
  return { joined: report, isRefreshing: () => isRefreshing, stop: () => service.stop() };
}

interface ServiceParts {
  readonly scenario: Scenario;
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly nodes: NodeSource;
  readonly puller: Puller;
}

/** Whether it arrives; one that does not is taken back, with all that had come, as its pod is deleted. Pends after an abort. */
function arrivesInTime(transfer: Transfer, timeout: number, clock: Clock, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const cancelTimeout = clock.schedule(timeout, () => {
      end();
      resolve(false);
    });
    function end(): void {
      cancelTimeout();
      signal.removeEventListener("abort", end);
      transfer.cancel();
    }
    signal.addEventListener("abort", end, { once: true });
    void transfer.arrived.then(() => {
      end();
      resolve(true);
    });
  });
}

function createService(
  { scenario, clock, random, nodes, puller }: ServiceParts,
  onNews: (news: CoordinatorEmitted) => void,
): ImageService {
  const recommended = scenario.images[0]?.tag ?? "";
  return createImageService({
    onGateMessage: () => undefined,
    onGateLimit: () => undefined,
    epoch: "simulation",
    settings: {
      images: {
        source: { type: "docker", registry: "registry.test", repository: "sciplat/lab" },
        refreshInterval: 300_000,
        prepullTimeout: scenario.pullTimeout,
        recommendedTag: recommended,
        numReleases: 1,
        numWeeklies: 2,
        numDailies: 3,
        cycle: null,
        pin: [],
        aliasTags: [],
      },
      dropdown: {},
    },
    rules: { tolerations: [], nodeStatusMaxImages: 50, markGrace: 60_000, excludesDrained: true },
    source: imageSource(scenario),
    nodes,
    lookUpTag: () => Promise.resolve(null),
    prepuller: { puller, leadership: ALWAYS_LEADING, maxConcurrentPulls: scenario.mostPulls },
    clock,
    random,
    logger: SILENT,
    observe: onNews,
    onBroken(error) {
      throw error;
    },
  });
}

function imageSource({ images }: Scenario): ImageSource {
  const tags = images.map(({ tag, digest, sizeBytes }) => ({ tag, digest, sizeBytes }));
  return {
    registry: "registry.test",
    repository: "sciplat/lab",
    listTags: () => Promise.resolve(tags),
    ignoreRetryAfter: () => undefined,
    resolveTags: () => Promise.resolve(new Map()),
  };
}

const ALWAYS_LEADING = {
  follow: (onChange: (leading: boolean) => void) => onChange(true),
  mayWrite: () => true,
};

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
};
