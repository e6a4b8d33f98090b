import type { NodeReport } from "../../../src/domain/nodes/node-report.ts";
import type { PullOutcome } from "../../../src/domain/prepull/pull.ts";
import type { CoordinatorEmitted } from "../../../src/machines/coordinator.ts";
import type { ImageSource, Logger, NodeListener, NodeSource, Puller } from "../../../src/ports.ts";
import { createImageService, type ImageService } from "../../../src/service/image-service.ts";
import { nodeRules, serviceOf } from "../../support/image-world.ts";
import type { Arrivals } from "./arrivals.ts";
import { type Scenario, seededRandom } from "./scenario.ts";
import type { VirtualClock } from "./virtual-clock.ts";
import type { Wire, WireEnd } from "./wire.ts";

/** Milliseconds until the kubelet's report shows what was pulled. */
const REPORT_DELAY = 20_000;

/** The service in the simulated cluster; `joined` has the watch report a node that has come. */
export interface ServiceRun {
  joined(node: string): void;
  /** Whether a refresh is under way, which needs some turns of the event loop and no virtual time. */
  isRefreshing(): boolean;
  stop(): void;
}

/** Starts the real service, coordinator and prepuller and all, on the simulated registry and cluster. */
export function startService(scenario: Scenario, clock: VirtualClock, wire: Wire, arrivals: Arrivals): ServiceRun {
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
    return {
      name,
      uid: `uid-${name}`,
      os: null,
      labels: {},
      createdAt: null,
      notReadySince: null,
      architecture: "amd64",
      taints: [],
      images: reported,
    };
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
    pull({ node, digest }) {
      const image = images.get(digest);
      if (image === undefined) throw new Error(`${digest} is not of the set`);
      return new Promise((resolve) => {
        // Its pod is kept until the pull has ended, whoever waits for it: the time-out is the policy's.
        wire.pull(node, image, (end) => {
          if (end === "arrived") clock.schedule(REPORT_DELAY, () => report(node));
          resolve(OUTCOMES[end]);
        });
      });
    },
    tryPod: () => Promise.resolve(null),
    recover: () => Promise.resolve({ ended: [], inProgress: [] }),
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

const OUTCOMES: Readonly<Record<WireEnd, PullOutcome>> = {
  arrived: { kind: "pulled" },
  hung: { kind: "failed", failureClass: "network", reason: "ErrImagePull", message: "connection reset by peer" },
  registry: {
    kind: "failed",
    failureClass: "registry-unavailable",
    reason: "ErrImagePull",
    message: "502 Bad Gateway",
  },
};

function createService(
  { scenario, clock, random, nodes, puller }: ServiceParts,
  onNews: (news: CoordinatorEmitted) => void,
): ImageService {
  const recommended = scenario.images[0]?.tag ?? "";
  return createImageService({
    onGateMessage: () => undefined,
    onGateLimit: () => undefined,
    epoch: "simulation",
    ...serviceOf(
      {
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
      imageSource(scenario),
    ),
    rules: nodeRules({ nodeStatusMaxImages: 50, excludesDrained: true }),
    nodes,
    lookUpTag: () => Promise.resolve(null),
    prepuller: { puller, leadership: ALWAYS_LEADING, maxConcurrentPulls: scenario.maxPulls },
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
  const tags = images.map(({ tag, digest, statedBytes }) => ({ tag, digest, sizeBytes: statedBytes }));
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
