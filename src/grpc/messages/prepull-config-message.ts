import type { Toleration } from "../../domain/nodes/node-report.ts";
import type { SourceSettings } from "../../domain/settings.ts";
import type { Problem } from "../../domain/snapshot/problems.ts";
import type { SourceState } from "../../ports.ts";
import type { PrepullConfig } from "../gen/labimages/v1/PrepullConfig.ts";
import type { Toleration as TolerationMessage } from "../gen/labimages/v1/Toleration.ts";
import { messageEncoder } from "../server/contract.ts";
import type { ServedSettings } from "../server/service-context.ts";
import { safeText } from "./safe-text.ts";
import { durationMessage, timestampMessage } from "./time-message.ts";

const encodePrepullStatus = messageEncoder("labimages.v1.PrepullStatus");

function sourceMessage(source: SourceSettings): Pick<PrepullConfig, "docker" | "google"> {
  if (source.type === "docker") return { docker: { registry: source.registry, repository: source.repository } };
  const { location, projectId, repository, image } = source;
  return { google: { location, projectId, repository, image } };
}

function tolerationMessage({ key, operator, value, effect, tolerationSeconds }: Toleration): TolerationMessage {
  return {
    key: key ?? "",
    operator: operator ?? "",
    value: value ?? "",
    effect: effect ?? "",
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  };
}

/** The part of a `labimages.v1.PrepullStatus` that holds the configuration, encoded. */
export function encodePrepullConfig(settings: ServedSettings): Buffer {
  const { images } = settings;
  const config: PrepullConfig = {
    ...sourceMessage(images.source),
    refreshInterval: durationMessage(images.refreshInterval),
    prepullTimeout: durationMessage(images.prepullTimeout),
    recommendedTag: images.recommendedTag,
    numReleases: images.numReleases,
    numWeeklies: images.numWeeklies,
    numDailies: images.numDailies,
    ...(images.cycle === null ? {} : { cycle: images.cycle }),
    pin: [...images.pin],
    aliasTags: [...images.aliasTags],
    nodeSelector: { ...settings.nodeSelector },
    tolerations: settings.tolerations.map(tolerationMessage),
    namespace: settings.namespace ?? "",
    pullSecret: settings.pullSecret ?? "",
  };
  return encodePrepullStatus({ config });
}

/** The part of a `labimages.v1.PrepullStatus` that holds the health of the sources and the problems, encoded. */
export function encodeHealth(sources: readonly SourceState[], problems: readonly Problem[]): Buffer {
  return encodePrepullStatus({
    problems: problems.map(({ reason, tag, message }) => ({
      problemReason: `PROBLEM_REASON_${reason}` as const,
      tag,
      message: safeText(message),
    })),
    sources: sources.map(({ name, source, ok, reason, lastSuccessTime, refreshingSince = null }) => ({
      name,
      source,
      ok,
      reason: safeText(reason),
      lastSuccessTime: timestampMessage(lastSuccessTime),
      refreshStartTime: timestampMessage(refreshingSince),
    })),
  });
}
