import { InvalidArgumentError } from "../../domain/errors.ts";
import type { GateMessage, GateRequest, GateSession } from "../../ports.ts";
import type { WaitForRefreshRequest__Output } from "../gen/labimages/v1/WaitForRefreshRequest.ts";
import { checkText, LONGEST_GATE, LONGEST_NAME } from "../server/arguments.ts";
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

  return (request, stream) => {
    const gateRequest = { ...checkRequest(request), peer: stream.peer };
    const session: GateSession = commands.waitForRefresh(gateRequest, {
      // The transport accepts at the earliest after this turn of the event loop, when the session is there.
      deliver: (message) => stream.send(encode(message), () => session.ready()),
      end: (error) => stream.fail(error),
    });
    stream.sendHeaders();
    stream.onEnd(() => session.close());
  };
}

function checkRequest(request: WaitForRefreshRequest__Output): Omit<GateRequest, "peer"> {
  return {
    gate: checkText("gate", request.gate, LONGEST_GATE) || DEFAULT_GATE,
    holder: checkText("holder", request.holder, LONGEST_NAME),
    resume: checkResume(checkText("epoch", request.epoch, LONGEST_NAME), request.afterGeneration),
  };
}

/** Generations start at 1, so that 0 means that none was given. */
function checkResume(epoch: string, afterGeneration: number): GateRequest["resume"] {
  if (epoch === "" && afterGeneration === 0) return null;
  if (epoch === "") throw new InvalidArgumentError("epoch", "after_generation needs the epoch that it belongs to");
  if (afterGeneration === 0) {
    throw new InvalidArgumentError("after_generation", "epoch needs the generation that was seen last, from 1");
  }
  return { epoch, afterGeneration };
}
