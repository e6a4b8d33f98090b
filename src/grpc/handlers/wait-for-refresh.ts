import { createWakeup } from "../../lib/abort.ts";
import type { GateMessage, GateRequest } from "../../ports.ts";
import type { WaitForRefreshRequest__Output } from "../gen/labimages/v1/WaitForRefreshRequest.ts";
import { checkGate, checkKnownState, checkText, MAX_NAME_LENGTH } from "../server/arguments.ts";
import { messageEncoder } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { StreamHandler } from "../server/stream-call.ts";

/** The gate of a caller that names none (docs/spec/refresh.md). */
const DEFAULT_GATE = "prepuller";

const encodeResponse = messageEncoder("labimages.v1.WaitForRefreshResponse");

/**
 * `WaitForRefresh`: one message for each data refresh. The gate delivers the next message only when the transport has
 * taken the last, so that at most one waits, at the gate.
 */
export function waitForRefresh({
  commands,
  reader,
  stateField,
}: ServiceContext): StreamHandler<WaitForRefreshRequest__Output> {
  function encode({ cause, coalesced }: GateMessage): Buffer {
    const message = encodeResponse({ cause: `REFRESH_CAUSE_${cause}`, coalesced });
    return Buffer.concat([message, stateField(reader.current())]);
  }

  return async function* (request, { peer, signal, sendHeaders, fail }) {
    const delivered = createWakeup(signal);
    let next: GateMessage | null = null;
    const session = commands.waitForRefresh(
      { ...checkRequest(request), peer },
      {
        deliver(message) {
          next = message;
          delivered.notify();
        },
        end: fail,
      },
    );
    try {
      sendHeaders();
      for (;;) {
        await delivered.wait();
        if (next === null) continue;
        yield encode(next);
        session.ready();
      }
    } finally {
      session.close();
    }
  };
}

function checkRequest(request: WaitForRefreshRequest__Output): Omit<GateRequest, "peer"> {
  const fields = { epoch: "epoch", generation: "after_generation" };
  const known = checkKnownState(request.epoch, request.afterGeneration, fields);
  return {
    gate: checkGate(request.gate) || DEFAULT_GATE,
    holder: checkText("holder", request.holder, MAX_NAME_LENGTH),
    resume: known === null ? null : { epoch: known.epoch, afterGeneration: known.generation },
  };
}
