import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { ownBytes } from "../../lib/bytes.ts";
import type { StateReader } from "../../ports.ts";
import { fieldNumbers, messageEncoder } from "../server/contract.ts";
import { safeText } from "./safe-text.ts";
import { timestampMessage } from "./time-message.ts";
import { delimited } from "./wire.ts";

const encodeStateVersion = messageEncoder("labimages.v1.StateVersion");

/** The same in every response. */
const STATE_FIELD = fieldNumbers("labimages.v1.GetMenuResponse")("state");

/** Returns the encoded field `state` of a response from this snapshot, or from none: the same bytes while the content is the same. */
export type StateField = (snapshot: Snapshot | null) => Buffer;

interface Encoded {
  readonly staleReason: string | null;
  readonly bytes: Buffer;
}

/** The StateField of this reader. */
export function createStateField(reader: StateReader): StateField {
  const encoded = new WeakMap<Snapshot, Encoded>();

  function encode(snapshot: Snapshot | null, staleReason: string | null): Buffer {
    const message = encodeStateVersion({
      epoch: reader.epoch,
      generation: snapshot?.generation ?? 0,
      refreshTime: timestampMessage(snapshot?.refreshTime ?? null),
      stale: staleReason !== null,
      staleReason: safeText(staleReason ?? ""),
    });
    return ownBytes(delimited(STATE_FIELD, message));
  }

  return (snapshot) => {
    const staleReason = reader.staleReason();
    if (snapshot === null) return encode(null, staleReason);
    const known = encoded.get(snapshot);
    if (known !== undefined && known.staleReason === staleReason) return known.bytes;
    const bytes = encode(snapshot, staleReason);
    encoded.set(snapshot, { staleReason, bytes });
    return bytes;
  };
}
