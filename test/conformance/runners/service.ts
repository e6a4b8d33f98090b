import { parseConfig } from "../../../src/config/load.ts";
import { servedConfig } from "../../../src/config/served-config.ts";
import { runToCompletion } from "../../../src/domain/cooperative.ts";
import { LabImagesError } from "../../../src/domain/errors.ts";
import { planCatalog } from "../../../src/domain/images/catalog-plan.ts";
import { completeCatalog } from "../../../src/domain/images/complete-catalog.ts";
import type { Image, ImageClass } from "../../../src/domain/images/image.ts";
import { spawnerImagesJson, spawnerPrepullsJson } from "../../../src/domain/images/spawner-json.ts";
import { emptyNodeTable } from "../../../src/domain/nodes/node-table.ts";
import type { CatalogSource } from "../../../src/domain/sets/catalog-source.ts";
import type { ImageSettings } from "../../../src/domain/settings.ts";
import type { MenuImage } from "../../../src/domain/snapshot/answers.ts";
import {
  createSnapshot,
  type LookUp,
  type ResolvedImage,
  type Snapshot,
} from "../../../src/domain/snapshot/snapshot.ts";
import { parseDateTime } from "../../../src/domain/tags/calendar.ts";
import {
  type ImageEvent,
  type ImageState,
  initialImageState,
  reduceImages,
} from "../../../src/machines/image-state.ts";
import { createDefaultSource, defaultSettings } from "../../support/default-source.ts";
import { nodeRules } from "../../support/image-world.ts";
import type { CaseRunner } from "../run-directory.ts";
import { type CaseRegistry, caseNode, caseRegistry, type OpenCaseRegistry } from "./case-sources.ts";
import { type CaseNode, type CaseStep, SERVICE_CASE, type ServiceCase } from "./service-case.ts";
import { TYPE_NAMES } from "./type-names.ts";

/** The clock's first reading, and how far it goes on before the second refresh: beyond the grace of any mark. */
const FIRST_REFRESH = 0;
const SECOND_REFRESH = 3_600_000;

const CLASSES: Readonly<Record<string, ImageClass>> = {
  recommended: "RECOMMENDED",
  "latest-release": "LATEST_RELEASE",
  "latest-weekly": "LATEST_WEEKLY",
  "latest-daily": "LATEST_DAILY",
};

interface Service {
  state: ImageState;
  readonly images: ImageSettings;
  readonly source: CatalogSource;
  registry: CaseRegistry;
  readonly now: number;
}

/** `service_docker` and `service_gar`, with the registry of the cases at the port. */
export const runService: CaseRunner = serviceRunner(caseRegistry);

/**
 * Runs cases of `service_docker` and `service_gar`: two refreshes, look-ups and marks, on the same functions as the
 * coordinator, against the registry that `open` gives for a content.
 */
export function serviceRunner(open: OpenCaseRegistry): CaseRunner {
  return (testCase) => runCase(SERVICE_CASE.parse(testCase), open);
}

async function runCase(input: ServiceCase, open: OpenCaseRegistry): Promise<unknown> {
  const service = await startService(input, open);
  const failed = await refresh(service, input.nodes, FIRST_REFRESH);
  const first = { ...answers(service), ...failed };
  const classes = classAnswers(service);
  const tagLookups = await inTurn(input.tag_lookups, (tag) => lookUp(service, (snapshot) => snapshot.imageForTag(tag)));
  const referenceLookups = await inTurn(input.reference_lookups, (reference) =>
    lookUp(service, (snapshot) => snapshot.imageForReference(reference)),
  );
  const steps = await inTurn(input.steps, (step) => runStep(service, step));
  service.registry = await open(service.images.source, input.second.registry);
  const failedAgain = await refresh(service, input.second.nodes, SECOND_REFRESH);
  const { status, ...second } = answers(service);
  const { config: _, ...withoutConfig } = status;
  return {
    first,
    classes,
    tag_lookups: tagLookups,
    reference_lookups: referenceLookups,
    steps,
    second: { ...second, status: withoutConfig, ...failedAgain },
    second_classes: classAnswers(service),
  };
}

/** Does one thing after the other: steps build on each other, and look-ups are compared in order. */
async function inTurn<Item, Answer>(items: readonly Item[], work: (item: Item) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const item of items) answers.push(await work(item));
  return answers;
}

async function startService(input: ServiceCase, open: OpenCaseRegistry): Promise<Service> {
  const { config: images, dropdownMenu, tolerations } = input;
  const kubernetes = { nodeStatusMaxImages: -1 };
  const config = servedConfig(
    parseConfig(JSON.stringify({ images, dropdownMenu, tolerations: withoutNulls(tolerations), kubernetes })),
  );
  const { markGrace } = config.kubernetes;
  const rules = nodeRules({ tolerations: config.tolerations, markGrace });
  const settings = defaultSettings(config.images, config.dropdown);
  const now = parseDateTime(input.now);
  if (now === null) throw new Error(`no time: ${input.now}`);
  return {
    state: initialImageState(settings, emptyNodeTable(rules)),
    images: config.images,
    source: createDefaultSource(config.images),
    registry: await open(config.images.source, input.registry),
    now,
  };
}

function withoutNulls(tolerations: readonly unknown[]): readonly unknown[] {
  return tolerations.map((one) => Object.fromEntries(Object.entries(one ?? {}).filter(([, value]) => value !== null)));
}

async function refresh(service: Service, nodes: readonly CaseNode[], observedAt: number): Promise<object> {
  const { registry } = service;
  const previous = service.state.snapshot?.catalogs[0] ?? null;
  const begun = reduceImages(service.state, { type: "refresh.started" }, service.now);
  try {
    const plan = runToCompletion(planCatalog(service.source, await registry.list(), previous, service.now));
    const catalog = runToCompletion(completeCatalog(plan, await registry.resolve(plan.unresolved), previous));
    const events: readonly ImageEvent[] = [
      { type: "nodes.paged", page: { nodes: nodes.map(caseNode), observedAt } },
      { type: "nodes.listed" },
      { type: "images.listed", catalogs: [catalog], failed: [] },
      { type: "refresh.completed", cause: "REQUESTED" },
    ];
    service.state = events.reduce((state, event) => reduceImages(state, event, service.now), begun);
    return {};
  } catch (error) {
    return { refresh_error: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof LabImagesError) return error.reason;
  throw error;
}

/** The current snapshot, or the empty one: the running service answers NOT_READY then. */
function snapshotOf({ state, source, now }: Service): Snapshot {
  if (state.snapshot !== null) return state.snapshot;
  const { settings, table } = state;
  const plan = runToCompletion(planCatalog(source, [], null, now));
  const catalogs = [runToCompletion(completeCatalog(plan, new Map(), null))];
  return createSnapshot({ settings, catalogs, table, time: now, generation: 1, refreshTime: now }, null);
}

function answers(service: Service) {
  const snapshot = snapshotOf(service);
  const { menu, dropdown } = snapshot.menu(service.now);
  return {
    images: parsed(spawnerImagesJson(snapshot.images())),
    menu: { menu: menuEntries(menu), dropdown: menuEntries(dropdown) },
    missing: missingTags(snapshot),
    status: parsed(spawnerPrepullsJson(service.images, snapshot.prepullImages(), snapshot.nodes())),
  };
}

function menuEntries(images: readonly MenuImage[]): readonly object[] {
  return images.map(({ image }) => ({ reference: image.pullReference, name: image.displayName }));
}

function parsed(json: string): Record<string, unknown> {
  return JSON.parse(json);
}

function missingTags(snapshot: Snapshot): readonly unknown[] {
  return snapshot.missing().map(({ node, images }) => [node, images.map(({ tag }) => tag)]);
}

function classAnswers(service: Service): object {
  const snapshot = snapshotOf(service);
  const entries = Object.entries(CLASSES).map(([name, imageClass]) => {
    try {
      const { image } = snapshot.imageForClass(imageClass);
      return [name, { tag: image.tag, reference: image.pullReference, name: image.displayName }];
    } catch (error) {
      return [name, { error: reasonOf(error) }];
    }
  });
  return Object.fromEntries(entries);
}

async function lookUp(service: Service, look: (snapshot: Snapshot) => LookUp): Promise<object> {
  try {
    const snapshot = snapshotOf(service);
    const { image, nodes } = await resolve(service, snapshot, look(snapshot));
    const { tag, displayName: name, reference, digest, sizeBytes: size, aliases, aliasTarget } = image;
    return {
      tag,
      type: TYPE_NAMES[image.type],
      name,
      reference,
      digest,
      size,
      aliases,
      alias_target: aliasTarget,
      nodes,
    };
  } catch (error) {
    return { error: reasonOf(error) };
  }
}

async function resolve(service: Service, snapshot: Snapshot, found: LookUp): Promise<ResolvedImage> {
  if (found.kind === "image") return found.resolved;
  const remote = await service.registry.resolve([found.tag]);
  return snapshot.imageResolvedNow(found.tag, remote.get(found.tag) ?? null);
}

async function runStep(service: Service, step: CaseStep): Promise<object> {
  const before = snapshotOf(service);
  const chosen = await chooseImage(service, before, step);
  if (chosen === null) return { marked: null };
  const mark = { digest: chosen.digest ?? "", node: step.node, markedAt: FIRST_REFRESH };
  service.state = reduceImages(service.state, { type: "image.prepulled", ...mark }, service.now);
  const changed = changes(before, snapshotOf(service), service.now);
  return { marked: chosen.tag, ...(Object.keys(changed).length === 0 ? {} : { changed }) };
}

async function chooseImage(
  service: Service,
  snapshot: Snapshot,
  step: CaseStep,
): Promise<Pick<Image, "tag" | "digest"> | null> {
  try {
    switch (step.via) {
      case "missing":
        return snapshot.missing().find(({ node }) => node === step.of)?.images[step.index] ?? null;
      case "tag":
        return (await resolve(service, snapshot, snapshot.imageForTag(step.tag))).image;
      case "class":
        return snapshot.imageForClass(CLASSES[step.class] ?? "RECOMMENDED").image;
      case "new":
        return { tag: step.tag, digest: step.digest };
    }
  } catch (error) {
    reasonOf(error);
    return null;
  }
}

/** What differs between two snapshots, each part whole. */
function changes(before: Snapshot, after: Snapshot, now: number): object {
  const old = changeable(before, now);
  const entries = Object.entries(changeable(after, now)).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name]),
  );
  return Object.fromEntries(entries);
}

function changeable(snapshot: Snapshot, now: number): Readonly<Record<string, unknown>> {
  const { prepulled, pending } = snapshot.prepullImages();
  return {
    menu: snapshot.menu(now).menu.map(({ image }) => [image.pullReference, image.displayName]),
    missing: missingTags(snapshot),
    prepulled: prepulled.map(({ image }) => image.tag),
    pending: pending.map(({ image, nodes, missing }) => ({ tag: image.tag, nodes, missing })),
    cached: snapshot.nodes().map(({ name, cached }) => [name, cached]),
  };
}
