import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { boolField } from "../messages/wire.ts";
import { checkKnownState } from "../server/arguments.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";

/** What a request says of the snapshot that its caller has. */
export interface KnowingRequest {
  readonly knownEpoch: string;
  readonly knownGeneration: number;
}

/** The same in every response. */
const UNCHANGED = boolField(fieldNumbers("labimages.v1.GetMenuResponse")("unchanged"), true);
const FIELDS = { epoch: "known_epoch", generation: "known_generation" };

/**
 * Returns the response for a caller that has the current content, or null. Under one snapshot the content may have several
 * versions: only the first that was asked for is taken for what the caller has. Error: InvalidArgumentError.
 */
export type UnchangedCheck = (request: KnowingRequest, snapshot: Snapshot, version?: string | number) => Buffer | null;

export function createUnchangedCheck({ reader, stateField }: ServiceContext): UnchangedCheck {
  const firstVersions = new WeakMap<Snapshot, string | number>();
  return ({ knownEpoch, knownGeneration }, snapshot, version = 0) => {
    const first = firstVersions.get(snapshot) ?? version;
    if (first === version) firstVersions.set(snapshot, version);
    if (knownEpoch === "" && knownGeneration === 0) return null;
    const known = checkKnownState(knownEpoch, knownGeneration, FIELDS);
    const isCurrent = known?.epoch === reader.epoch && known.generation === snapshot.generation;
    return isCurrent && first === version ? Buffer.concat([UNCHANGED, stateField(snapshot)]) : null;
  };
}
