import { type ServiceError, status } from "@grpc/grpc-js";
import type { ImageServiceClient } from "../../grpc/gen/labimages/v1/ImageService.ts";
import type { ClientCommand } from "../command.ts";
import { reportCanI } from "./can-i.ts";
import { connect } from "./image-service.ts";
import { reportImages, reportMenu, reportMissing, reportResolved } from "./look-ups.ts";
import { printable, type Report, writeJson } from "./report.ts";
import { reportRefresh, reportStatus, watchRefreshes } from "./state.ts";

/** Where a client writes, and what ends it. */
export interface ClientIo {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
  /** Aborts when the user has had enough. */
  readonly signal: AbortSignal;
}

/**
 * Asks a running service and writes its answer. Returns the exit status: 0, or 1 with the reason on standard error, or
 * without a word where the signal has aborted.
 */
export async function runClient(command: ClientCommand, io: ClientIo): Promise<number> {
  const client = await connect(command).catch((error: unknown) => {
    const code = error instanceof Error && "code" in error ? String(error.code) : "not valid";
    io.stderr.write(`lab-images: a file of --ca, --cert or --key cannot be used (${code})\n`);
    return null;
  });
  if (client === null) return 1;
  const write = (report: Report) => {
    const asJson = command.json || io.stdout.isTTY !== true;
    io.stdout.write(`${asJson ? writeJson(report.json) : report.text}\n`);
  };
  try {
    return await answer(command, client, io.signal, write);
  } catch (error) {
    if (!io.signal.aborted) io.stderr.write(`lab-images: ${describeFailure(error, command.address)}\n`);
    return 1;
  } finally {
    client.close();
  }
}

async function answer(
  command: ClientCommand,
  client: ImageServiceClient,
  signal: AbortSignal,
  write: (report: Report) => void,
): Promise<number> {
  if (command.name === "watch") await watchRefreshes(client, signal, command.gate, write);
  else if (command.name === "auth") {
    const report = await reportCanI(client, signal, command.permission);
    write(report);
    return report.isAllowed ? 0 : 1;
  } else write(await askOnce(command, client, signal));
  return 0;
}

function askOnce(
  command: Exclude<ClientCommand, { readonly name: "watch" | "auth" }>,
  client: ImageServiceClient,
  signal: AbortSignal,
): Promise<Report> {
  switch (command.name) {
    case "status":
      return reportStatus(client, signal);
    case "images":
      return reportImages(client, signal);
    case "menu":
      return reportMenu(client, signal);
    case "missing":
      return reportMissing(client, signal, command.node);
    case "resolve":
      return reportResolved(client, signal, command.selector);
    case "refresh":
      return reportRefresh(client, signal);
  }
}

function describeFailure(error: unknown, address: string): string {
  if (!isServiceError(error)) return "the answer cannot be read";
  const name = status[error.code] ?? "UNKNOWN";
  return `${name} from ${address}: ${printable(error.details)}`;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && typeof error.details === "string";
}
