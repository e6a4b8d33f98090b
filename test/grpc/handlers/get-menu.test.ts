import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Image } from "../../../src/domain/images/image.ts";
import type { MenuImage } from "../../support/grpc-messages.ts";
import { ask } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { imageOf, menuOf } from "../support/images.ts";
import { startServer } from "../support/running-server.ts";

const entries = (count: number, padding = ""): Image[] =>
  Array.from({ length: count }, (_, index) => imageOf(`w_${index}`, { displayName: `Weekly ${index}${padding}` }));

const shown = (images: readonly Image[]): MenuImage[] =>
  images.map((image) => ({
    reference: image.pullReference,
    name: image.displayName,
    tag: image.tag,
    digest: image.digest ?? "",
    imageType: `IMAGE_TYPE_${image.type}`,
    source: image.source,
    sizeBytes: image.sizeBytes ?? 0,
    prepulled: image.prepulled,
    nodesReady: 0,
    nodesTotal: 0,
  }));

describe("GetMenu", () => {
  test("answers menu and dropdown, the same for as long as the snapshot says so", async (context) => {
    const [menu, dropdown] = [entries(2), entries(5)];
    const state = fakeState(snapshotOf(1, { images: [], menu: { menu: menuOf(menu), dropdown: menuOf(dropdown) } }));
    const { client } = await startServer(context, { state });
    const first = await ask(client, client.GetMenu, {});
    assert.deepEqual(first.menu, shown(menu));
    assert.deepEqual(first.dropdown, shown(dropdown));
    assert.equal(first.nextPageToken, "");
    assert.deepEqual(await ask(client, client.GetMenu, {}), first);
    state.staleReason = "why";
    const stale = await ask(client, client.GetMenu, {});
    assert.equal(stale.state?.staleReason, "why");
    assert.deepEqual(stale.dropdown, shown(dropdown));
  });

  test("is empty where there is nothing", async (context) => {
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    const answer = await ask(client, client.GetMenu, {});
    assert.deepEqual([answer.menu, answer.dropdown], [[], []]);
    assert.equal(answer.state?.generation, 1);
  });

  test("asks for the menu as of now, and as of the same moment when it goes on", async (context) => {
    const dropdown = entries(5_000, "x".repeat(1_000));
    const times: number[] = [];
    const snapshot = snapshotOf(1, { images: [], menu: { menu: menuOf(entries(1)), dropdown: menuOf(dropdown) } });
    const made = snapshot.menu(0);
    const timed = {
      ...snapshot,
      menu(now: number) {
        times.push(now);
        return made;
      },
    };
    const { client } = await startServer(context, { state: fakeState(timed) });
    const found: MenuImage[] = [];
    let [pageToken, messages] = ["", 0];
    do {
      const answer = await ask(client, client.GetMenu, { pageToken });
      assert.equal(answer.menu.length, messages === 0 ? 1 : 0);
      found.push(...answer.dropdown);
      pageToken = answer.nextPageToken;
      messages++;
    } while (pageToken !== "");
    assert.equal(messages, 2);
    assert.deepEqual(found, shown(dropdown));
    assert.equal(new Set(times).size, 1);
    assert.ok(Math.abs((times[0] ?? 0) - Date.now()) < 60_000);
  });
});
