import type { ServedConfig } from "../../config/config.ts";
import { LabImagesError } from "../../domain/errors.ts";
import type { Clock, Logger } from "../../ports.ts";
import type { ClosableImageSource } from "../../registry/oci/docker-source.ts";
import { createImageSource } from "../image-source.ts";
import { type Finding, findWithin, missing, ok } from "./finding.ts";

/** In ms, for the whole of it. */
const TIME_MS = 25_000;
/** A registry that answers at all does so in this time, and one that does not is asked twice. */
const LIMITS = { requestTimeoutMs: 8_000, operationTimeoutMs: 20_000, attempts: 2 };
const KEY = "images.source";

const SILENT: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
};

/** What the registry was found to have. */
export interface RegistryCheck {
  readonly findings: readonly Finding[];
  /** The recommended image, or where that is missing, another one; null where no manifest was had. */
  readonly image: { readonly tag: string; readonly digest: string } | null;
}

/** Asks the registry for its list of tags and for one manifest. */
export async function checkRegistry(
  config: ServedConfig,
  clock: Clock,
  random: () => number,
  signal: AbortSignal,
): Promise<RegistryCheck> {
  const [first] = config.sources;
  if (first === undefined) return { findings: [], image: null };
  const metrics = { registryRequest: () => undefined, registryRetry: () => undefined };
  const source = await createImageSource({ configured: first, clock, random, logger: SILENT, metrics, limits: LIMITS });
  const found: { image: RegistryCheck["image"] } = { image: null };
  try {
    const findings = await findWithin(clock, TIME_MS, KEY, signal, async (inner) => {
      const asked = await ask(config, source, inner);
      found.image = asked.image;
      return asked.findings;
    });
    return { findings, image: found.image };
  } finally {
    await source.close();
  }
}

async function ask(
  { images: { recommendedTag, pin }, hasImages }: ServedConfig,
  source: ClosableImageSource,
  signal: AbortSignal,
): Promise<RegistryCheck> {
  const place = `${source.registry}/${source.repository}`;
  const tags = new Set((await source.listTags(signal)).map(({ tag }) => tag));
  const listed = ok(KEY, `${place} lists ${tags.size.toLocaleString("en")} tags`);
  const wanted = hasImages
    ? [
        { key: "images.recommendedTag", tag: recommendedTag },
        ...pin.map((tag, index) => ({ key: `images.pin[${index}]`, tag })),
      ]
    : [];
  const absent = wanted
    .filter(({ tag }) => !tags.has(tag))
    .map(({ key, tag }) => missing(key, `${place} has no tag ${tag}`));
  const [any] = tags;
  const tag = tags.has(recommendedTag) ? recommendedTag : any;
  if (tag === undefined) return { findings: [listed, ...absent], image: null };
  const { findings, image } = await askManifest(source, tag, signal);
  return { findings: [listed, ...findings, ...absent], image };
}

async function askManifest(source: ClosableImageSource, tag: string, signal: AbortSignal): Promise<RegistryCheck> {
  const without = (message: string) => ({ findings: [missing(KEY, message)], image: null });
  try {
    const digest = (await source.lookUpTag(tag, signal))?.digest ?? null;
    if (digest === null) return without(`the list has ${tag}, and there is no manifest of it`);
    return { findings: [ok(KEY, `${tag} is ${digest}`)], image: { tag, digest } };
  } catch (error) {
    if (error instanceof LabImagesError) return without(`the manifest of ${tag}: ${error.message}`);
    throw error;
  }
}
