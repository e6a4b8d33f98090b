/** Distribution's notification format: an envelope of events (https://distribution.github.io/distribution/about/notifications/). */
import { isJsonObject } from "../lib/json.ts";

/** The events of distribution's envelope, or null where the body is something else. */
function eventsIn(body: Buffer): readonly Readonly<Record<string, unknown>>[] | null {
  let document: unknown;
  try {
    document = JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
  const events = isJsonObject(document) ? document["events"] : null;
  if (!Array.isArray(events)) return null;
  const ofTheForm = events
    .filter(isJsonObject)
    .filter(({ action, target }) => typeof action === "string" && isJsonObject(target));
  return ofTheForm.length === events.length ? ofTheForm : null;
}

/**
 * Whether an event changes what our tags mean. A push notifies layer by layer before its manifest: a refresh for a layer
 * would come too early to see the tag, and delay the manifest's. Notifications of pulls are ignored.
 */
function changesTags(event: Readonly<Record<string, unknown>>, repositories: ReadonlySet<string>): boolean {
  const target = isJsonObject(event["target"]) ? event["target"] : {};
  if (typeof target["repository"] !== "string" || !repositories.has(target["repository"])) return false;
  if (event["action"] === "delete") return true;
  const isManifest = typeof target["tag"] === "string" || /manifest|index/.test(String(target["mediaType"]));
  return event["action"] === "push" && isManifest;
}

/**
 * Whether a notification reports a push of a manifest to, or a deletion from, one of the repositories. A body that is not in
 * distribution's format is a hint.
 */
export function concerns(body: Buffer, repositories: ReadonlySet<string>): boolean {
  const events = eventsIn(body);
  return events === null || events.some((event) => changesTags(event, repositories));
}
