import type { GetPrepullStatusResponse__Output as GetPrepullStatusResponse } from "../../grpc/gen/labimages/v1/GetPrepullStatusResponse.ts";
import type { ImageServiceClient } from "../../grpc/gen/labimages/v1/ImageService.ts";
import type { NodeImage__Output as NodeImage } from "../../grpc/gen/labimages/v1/NodeImage.ts";
import type { Problem__Output as Problem } from "../../grpc/gen/labimages/v1/Problem.ts";
import type { RefreshResponse__Output as RefreshResponse } from "../../grpc/gen/labimages/v1/RefreshResponse.ts";
import type { SourceStatus__Output as SourceStatus } from "../../grpc/gen/labimages/v1/SourceStatus.ts";
import type { StateVersion__Output as StateVersion } from "../../grpc/gen/labimages/v1/StateVersion.ts";
import type { WaitForRefreshResponse__Output as RefreshMessage } from "../../grpc/gen/labimages/v1/WaitForRefreshResponse.ts";
import { ask, deadline, follow } from "./image-service.ts";
import { allPages } from "./pages.ts";
import { printable, type Report, table, yesOrNo } from "./report.ts";

/** Milliseconds: a refresh of a large registry that answers slowly. */
const REFRESH_TIMEOUT = 600_000;

/** The answer to `lab-images status`. */
export async function reportStatus(client: ImageServiceClient, signal: AbortSignal): Promise<Report> {
  const { status, state } = await allPages((pageToken) =>
    ask<GetPrepullStatusResponse>(signal, (callback) => client.getPrepullStatus({ pageToken }, deadline(), callback)),
  );
  const { nodes = [], sources = [], prepulled = [], pending = [], problems = [] } = status ?? {};
  const images = [...prepulled, ...pending];
  const nodeRows = nodes.map(({ name, eligible, comment, cached, imagesTruncated }) => [
    name,
    yesOrNo(eligible),
    String(cached.length),
    imagesTruncated ? "truncated" : "all",
    comment,
  ]);
  const sections = [
    describeState(state),
    ...problemSection(problems),
    table(["SOURCE", "STATE", "REASON"], sources.map(sourceRow), "No sources."),
    table(["IMAGE", "NAME", "ON NODES", "MISSING ON"], images.map(imageRow), "The prepull set is empty."),
    table(["NODE", "ELIGIBLE", "IMAGES", "IMAGES REPORTED", "COMMENT"], nodeRows, "There are no nodes."),
  ];
  return { json: { status, state }, text: sections.join("\n\n") };
}

function problemSection(problems: readonly Problem[]): readonly string[] {
  const rows = problems.map(({ message }) => [message]);
  return rows.length === 0 ? [] : [table(["PROBLEM"], rows, "")];
}

function sourceRow({ name, ok, reason, refreshStartTime }: SourceStatus): readonly string[] {
  const seconds = refreshStartTime === null ? null : Math.round(Date.now() / 1_000 - refreshStartTime.seconds);
  const refreshing = seconds === null ? [] : [`refreshing for ${Math.max(0, seconds)} s`];
  return [name, ok ? "ok" : "failing", [...(reason === "" ? [] : [reason]), ...refreshing].join("; ")];
}

function imageRow({ image, nodes, missing }: NodeImage): readonly string[] {
  return [image?.tag ?? "", image?.displayName ?? "", String(nodes.length), missing.join(" ")];
}

/** The answer to `lab-images refresh`. */
export async function reportRefresh(client: ImageServiceClient, signal: AbortSignal): Promise<Report> {
  const answer = await ask<RefreshResponse>(signal, (callback) =>
    client.refresh({}, deadline(REFRESH_TIMEOUT), callback),
  );
  return { json: answer, text: `Refreshed. ${describeState(answer.state)}` };
}

/** Hands on a report of each refresh until the signal aborts. */
export async function watchRefreshes(
  client: ImageServiceClient,
  signal: AbortSignal,
  gate: string,
  take: (report: Report) => void,
): Promise<void> {
  await follow(signal, client.waitForRefresh({ gate }), (message) =>
    take({ json: message, text: describeRefresh(message) }),
  );
}

function describeRefresh({ cause, coalesced, state }: RefreshMessage): string {
  const word = String(cause)
    .replace(/^REFRESH_CAUSE_/, "")
    .toLowerCase()
    .replaceAll("_", " ");
  const more = coalesced === 0 ? "" : `, and ${coalesced} more before it`;
  return `Refreshed (${word}${more}). ${describeState(state)}`;
}

function describeState(state: StateVersion | null): string {
  if (state === null) return "No snapshot.";
  const time = new Date((state.refreshTime?.seconds ?? 0) * 1_000).toISOString();
  const stale = state.stale ? `, stale: ${printable(state.staleReason)}` : "";
  return `Snapshot ${state.generation}, refreshed ${time}${stale}.`;
}
