import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { fastClock } from "./support/clocks.ts";
import { breakGuard } from "./support/defects.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import type { Service, ServiceOptions } from "./support/service.ts";

/*
 * P6: whatever throws inside a machine, the service goes on or ends; it is never half-dead. The defects are put in
 * while the machines are loaded, so all that rests on them is imported afterwards.
 */
const due = new Set<"refresh" | "gate" | "coordinator" | "prepuller" | "node">();
const isDueOnce = (defect: Parameters<typeof due.has>[0]) => due.delete(defect);
breakGuard("refresh", "isFaultless", () => isDueOnce("refresh"));
breakGuard("waitGate", "isOpen", ({ context }) => context["name"] === "harmed" && isDueOnce("gate"));
breakGuard(
  "coordinator",
  "hasGrownMissing",
  ({ event }) => event.type === "image.prepulled" && isDueOnce("coordinator"),
);
breakGuard("prepuller", "isOutside", () => isDueOnce("prepuller"));
breakGuard("nodePrepull", "isPulling", () => isDueOnce("node"));
const { missingTags, nextOpening, openGate, startReadyService } = await import("./support/service.ts");

async function withService(
  check: (service: Service, peers: Peers) => Promise<void>,
  options: ServiceOptions = {},
): Promise<void> {
  await using peers = await startPeers();
  peers.push("recommended");
  peers.setNode("alder");
  await using service = await startReadyService(peers.config(), options);
  await check(service, peers);
}

function defectsTold({ log }: Service): number {
  return log.filter(({ level, msg }) => level === "error" && msg.includes("restarting (bug)")).length;
}

describe("a refresh cycle that breaks (P6)", () => {
  test("fails the demand, is reported once, and is started again; the answers go on meanwhile", () =>
    withService(async (service, peers) => {
      const { client } = service;
      due.add("refresh");
      await assert.rejects(client.call("Refresh", {}), { code: "INTERNAL", reason: "INTERNAL" });
      assert.deepEqual(await missingTags(service), { alder: ["recommended"] });
      assert.equal(defectsTold(service), 1);
      peers.push("w_2077_43");
      await eventually(async () => {
        const { latestWeekly, state } = await client.call("ListImages", {});
        assert.equal(latestWeekly?.tag, "w_2077_43");
        assert.equal(state.stale, false);
      });
      await client.call("Refresh", {});
    }));

  test("remembers who asks for a refresh before it is started again", () =>
    withService(async (service) => {
      const gate = await openGate(service);
      await gate.next();
      due.add("refresh");
      await assert.rejects(service.client.call("Refresh", {}), { code: "INTERNAL" });
      await service.client.call("Refresh", {});
      assert.deepEqual(await nextOpening(gate), ["REQUESTED", 0]);
    }));

  test("the nodes are followed meanwhile", () =>
    withService(async (service, peers) => {
      due.add("refresh");
      await assert.rejects(service.client.call("Refresh", {}), { code: "INTERNAL" });
      peers.setNode("beech");
      await eventually(async () => assert.ok("beech" in (await missingTags(service))));
    }));
});

describe("a gate that breaks (P6)", () => {
  test("ends its caller's stream, and a new one takes its place; the other gates do not notice", () =>
    withService(async (service) => {
      const harmed = await openGate(service, { gate: "harmed" });
      const other = await openGate(service, { gate: "other" });
      await harmed.next();
      await other.next();
      due.add("gate");
      await service.client.call("Refresh", {});
      const { code } = await harmed.ended;
      assert.equal(code, "UNAVAILABLE");
      assert.deepEqual(await nextOpening(other), ["REQUESTED", 0]);
      assert.equal(defectsTold(service), 1);
      assert.equal(service.broken, false);
      const again = await openGate(service, { gate: "harmed" });
      assert.deepEqual(await nextOpening(again), ["REQUESTED", 0], "nothing is lost");
    }));
});

describe("the prepuller, or the chart of one node, that breaks (P6)", () => {
  const pulling = async ({ client }: Service, peers: Peers) => {
    const report = { reference: peers.pullReference("recommended"), node: "alder" };
    await client.call("ReportPrepull", { ...report, prepullState: "PREPULL_STATE_PULLING" }).catch(() => undefined);
  };
  const state = async ({ client }: Service) => {
    const { status } = await client.call("GetPrepullStatus", {});
    return status.progress[0]?.prepullState;
  };

  for (const defect of ["prepuller", "node"] as const) {
    test(`${defect}: told, and started anew with all its work; the answers go on`, () =>
      withService(
        async (service, peers) => {
          due.add(defect);
          await pulling(service, peers);
          assert.equal(defectsTold(service), 1);
          assert.deepEqual(await missingTags(service), { alder: ["recommended"] });
          await eventually(async () => {
            await pulling(service, peers);
            assert.equal(await state(service), "PREPULL_STATE_PULLING");
          });
          assert.equal(defectsTold(service), 1);
          assert.equal(service.broken, false);
        },
        // A node gets five seconds to itself.
        { clock: fastClock(5) },
      ));
  }
});

describe("a coordinator that breaks (P6)", () => {
  test("ends the process: nothing could go on", () =>
    withService(async (service, peers) => {
      due.add("coordinator");
      const reference = peers.pullReference("recommended");
      await service.client.call("MarkPrepulled", { reference, node: "alder" }).catch(() => undefined);
      await eventually(() => assert.equal(service.broken, true));
    }));
});
