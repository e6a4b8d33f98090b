import type { NodeReport } from "../../../src/domain/node-report.ts";
import type { ImageSource, Logger, NodeListener, NodeSource, Puller } from "../../../src/ports.ts";
import { type ImageService, startImageService } from "../../../src/service/image-service.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Scenario } from "./scenario.ts";
import { seededRandom } from "./scenario.ts";
import type { Transfers } from "./transfers.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Milliseconds until the kubelet's report shows what was pulled. */
const REPORT_DELAY = 20_000;
/** The default of `prepuller.maxConcurrentPulls`. */
export const MOST_PULLS = 20;

/** Our own machines in the simulated cluster; `joined` tells the watch of a node that has come. */
export interface OurRun {
  joined(node: string): void;
  stop(): void;
}

/** Starts the real service, coordinator and prepuller and all, on the simulated registry and cluster. */
export function startOurPolicy(
  scenario: Scenario,
  clock: VirtualClock,
  transfers: Transfers,
  arrivals: Arrivals,
  mostPulls: number,
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
    async pull({ node, digest }, signal) {
      const image = images.get(digest);
      if (image === undefined) return { kind: "failed", reason: "ErrImagePull", message: "no such image" };
      if (!(await transfers.pull(node, image, signal)))
        return { kind: "failed", reason: "DeadlineExceeded", message: "the pull took too long" };
      arrivals.arrived(node, image);
      clock.schedule(REPORT_DELAY, () => report(node));
      return { kind: "pulled" };
    },
    recover: () => Promise.resolve([]),
  };
  const service = startService({ scenario, clock, random, nodes, puller, mostPulls });
  return { joined: report, stop: () => service.stop() };
}

interface ServiceParts {
  readonly scenario: Scenario;
  readonly clock: VirtualClock;
  readonly random: () => number;
  readonly nodes: NodeSource;
  readonly puller: Puller;
  readonly mostPulls: number;
}

function startService({ scenario, clock, random, nodes, puller, mostPulls }: ServiceParts): ImageService {
  const recommended = scenario.images[0]?.tag ?? "";
  return startImageService({
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
    rules: { tolerations: [], nodeStatusMaxImages: 50, markGrace: 60_000 },
    source: imageSource(scenario),
    nodes,
    lookUpTag: () => Promise.resolve(null),
    prepuller: { puller, leadership: ALWAYS_LEADING, maxConcurrentPulls: mostPulls },
    clock,
    random,
    logger: SILENT,
    onNews: () => undefined,
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
