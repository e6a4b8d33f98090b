import assert from "node:assert/strict";
import { test } from "node:test";
import type { CooperativeTask } from "../../src/domain/cooperative.ts";
import { CancelledError } from "../../src/domain/errors.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { runCooperatively } from "../../src/service/cooperative.ts";
import { listImages } from "../../src/service/list-images.ts";
import { createRefreshDemands } from "../../src/service/refresh-demands.ts";
import { createSnapshotCache } from "../../src/service/snapshot-cache.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import {
  catalogOf,
  digest,
  imageSettings,
  listing,
  nextSnapshot,
  nodeReport,
  REPOSITORY,
  resolved,
  snapshotOf,
  sourceOf,
} from "../support/image-world.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

const NEVER = new AbortController().signal;

test("a kept snapshot outlives its replacement by a minute, one that nobody asked for does not", async () => {
  const clock = manualClock();
  const kept = createSnapshotCache(clock);
  const first = snapshotOf({ tags: [] });
  const second = nextSnapshot(first, {});
  const third = nextSnapshot(second, {});
  kept.keep(first);
  kept.keep(first);
  await clock.advance(1_000);
  kept.replacedBy(second);
  await clock.advance(49_000);
  kept.replacedBy(third);
  await clock.advance(10_999);
  assert.equal(kept.find(1), first);
  assert.equal(kept.find(2), null);
  await clock.advance(1);
  assert.equal(kept.find(1), null);
  assert.equal(clock.pending, 0);
});

test("the minute of a snapshot does not run while it is the current one", async () => {
  const clock = manualClock();
  const kept = createSnapshotCache(clock);
  const first = snapshotOf({ tags: [] });
  kept.keep(first);
  kept.replacedBy(first);
  await clock.advance(1_000_000);
  assert.equal(kept.find(1), first);
  kept.replacedBy(nextSnapshot(first, {}));
  await clock.advance(59_999);
  assert.equal(kept.find(1), first);
});

test("F60: a kept snapshot is released when its minute is over, without anybody asking", async () => {
  const clock = manualClock();
  const kept = createSnapshotCache(clock);
  const released = (() => {
    const first = snapshotOf({ tags: [] });
    kept.keep(first);
    kept.replacedBy(nextSnapshot(first, {}));
    return new WeakRef(first);
  })();
  await clock.advance(60_000);
  collectGarbage();
  assert.equal(released.deref(), undefined);
});

test("F53b: replaced snapshots are kept within a bound in bytes, the oldest go first and the latest never", () => {
  const nodes = Array.from({ length: 100 }, (_, at) => nodeReport(`n${at}`));
  const kept = createSnapshotCache(manualClock(), 10 * 12_400);
  let snapshot = snapshotOf({ tags: [], nodes });
  for (let count = 0; count < 50; count++) {
    kept.keep(snapshot);
    snapshot = nextSnapshot(snapshot, {});
    kept.replacedBy(snapshot);
  }
  assert.equal(kept.find(40), null);
  assert.equal(kept.find(41)?.generation, 41);
  assert.equal(kept.find(50)?.generation, 50);
});

test("F53b: catalogs count once each against the bound, the current one not at all", () => {
  const tags = Array.from({ length: 100 }, (_, at) => [`w_2077_${at}`, `d${at}`] as const);
  const settings = imageSettings();
  const kept = createSnapshotCache(manualClock(), 50_000);
  let snapshot = snapshotOf({ tags: listing(...tags) });
  const replace = (next: Snapshot) => {
    kept.keep(snapshot);
    snapshot = next;
    kept.replacedBy(snapshot);
  };
  kept.replacedBy(snapshot);
  for (let count = 0; count < 8; count++) replace(nextSnapshot(snapshot, {}));
  assert.equal(kept.find(1)?.generation, 1, "eight snapshots of the current catalog are 48 kB");
  replace(nextSnapshot(snapshot, { catalog: catalogOf(settings, listing(...tags, ["w_2078_1", "e"])) }));
  assert.equal(kept.find(8), null, "the catalog before, with 40 kB, leaves room for one");
  assert.equal(kept.find(9)?.generation, 9);
});

/** Demands on a refresh cycle that does nothing by itself. */
function demandsWorld() {
  const world = { startedRuns: 0 };
  const stopping = new AbortController();
  const demands = createRefreshDemands({
    clock: manualClock(),
    stopping: stopping.signal,
    startedRuns: () => world.startedRuns,
    request: () => undefined,
    ignoreRetryAfter: () => undefined,
  });
  return { ...demands, world };
}

test("a demand settles at the end of its run, or of a later one", async () => {
  const { demand, settle, fail, world } = demandsWorld();
  const first = demand("REGISTRY_NOTIFIED", NEVER);
  world.startedRuns = 1;
  const second = assert.rejects(demand("REGISTRY_NOTIFIED", NEVER), /broken/);
  settle(1, null);
  await first;
  settle(3, new Error("broken"));
  await second;
  const third = assert.rejects(demand("REQUESTED", NEVER), /over/);
  fail(new Error("over"));
  await third;
});

test("a demand that is cancelled is not settled again", async () => {
  const { demand, settle } = demandsWorld();
  const controller = new AbortController();
  const waiting = assert.rejects(demand("REQUESTED", controller.signal), CancelledError);
  controller.abort();
  await waiting;
  settle(1, new Error("nobody receives this"));
  await assert.rejects(demand("REQUESTED", AbortSignal.abort()), CancelledError);
});

test("tags that vanish between the listing and their digests are left out and logged, and older ones take their places", async () => {
  const logger = logLines();
  const asked: (readonly string[])[] = [];
  const source = {
    ...REPOSITORY,
    listTags: () => Promise.resolve(listing(["w_2077_43"], ["w_2077_42"], ["w_2077_41"])),
    ignoreRetryAfter: () => undefined,
    resolveTags(tags: readonly string[]) {
      asked.push(tags);
      const known = listing(["w_2077_42", "b"], ["w_2077_41", "c"]);
      return Promise.resolve(resolved(known.filter(({ tag }) => tags.includes(tag))));
    },
  };
  const catalogSource = sourceOf(imageSettings({ numWeeklies: 2 }));
  const catalog = await listImages({ catalogSource, source, logger, now: () => 0 }, null, NEVER);
  assert.deepEqual(asked, [["w_2077_43", "w_2077_42"], ["w_2077_41"]]);
  assert.deepEqual(
    catalog.entries.map(({ tag }) => tag.tag),
    ["w_2077_42", "w_2077_41"],
  );
  assert.deepEqual(
    logger.lines.map(({ level, fields }) => [level, fields["tags"]]),
    [["warn", ["w_2077_43"]]],
  );
  const again = await listImages({ catalogSource, source, logger, now: () => 0 }, catalog, NEVER);
  assert.equal(again.byTag.get("w_2077_42"), catalog.byTag.get("w_2077_42"));
});

test("a registry that lists all digests is asked for none", async () => {
  const source = {
    ...REPOSITORY,
    listTags: () => Promise.resolve(listing(["w_2077_43", "a"])),
    ignoreRetryAfter: () => undefined,
    resolveTags: () => assert.fail("nothing is to be asked"),
  };
  const catalog = await listImages(
    { catalogSource: sourceOf(imageSettings({ numWeeklies: 1 })), source, logger: logLines(), now: () => 0 },
    null,
    NEVER,
  );
  assert.equal(catalog.byTag.get("w_2077_43")?.digest, digest("a"));
});

function* counting(slices: number, spend: () => void): CooperativeTask<number> {
  let done = 0;
  for (; done < slices; done++) {
    spend();
    yield;
  }
  return done;
}

test("work in slices lets others have their turn, and comes to its end", async () => {
  let turns = 0;
  const counter = setInterval(() => {
    turns += 1;
  }, 1);
  const busy = (): void => {
    const until = performance.now() + 3;
    while (performance.now() < until);
  };
  assert.equal(await runCooperatively(counting(10, busy), NEVER), 10);
  clearInterval(counter);
  assert.ok(turns > 0);
});

test("work in slices ends when its signal aborts, with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const work = counting(Number.POSITIVE_INFINITY, () => controller.abort(reason));
  await assert.rejects(runCooperatively(work, controller.signal), reason);
  await assert.rejects(
    runCooperatively(
      counting(1, () => undefined),
      AbortSignal.abort(reason),
    ),
    reason,
  );
});
