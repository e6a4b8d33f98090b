/** No push is lost: docker-registry notifies one of two replicas, whose leader fills two real nodes meanwhile. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { type RealCluster, startCluster } from "../cluster.ts";
import { recordFigures } from "../figures.ts";
import { createLabImage } from "../images.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "../service.ts";

const PUSHES = 200;
const MOVES = 20;
/** Pushed in a row; the next row waits until all of this one are seen. */
const ROW = 10;
/** The promise, milliseconds. */
const SEEN_WITHIN = 5_000;
/**
 * As many of the newest are pulled to the nodes; the moved tags are among them, since the service looks up the digest of any
 * other tag when it is asked.
 */
const WANTED = MOVES + 5;
const FIRST = 1;
const NOTIFIED = "where the registry notifies the other replica";

describe("two replicas on two real nodes, of which the hook reaches the one that does not lead", () => {
  let cluster: RealCluster;
  let repository: Repository;
  let leader: Service;
  const scope = new AsyncDisposableStack();
  /** The newest digest of each tag. */
  const digests = new Map<string, string>();

  before(async () => {
    cluster = scope.use(await startCluster());
    repository = openRepository(cluster, "lab/sketchbook");
    await repository.push([weekly(0), "recommended"]);
    const images = { numWeeklies: WANTED };
    const replicas = [
      scope.use(await startService(cluster, repository, { images })),
      scope.use(await startService(cluster, repository, { images })),
    ];
    const found = await eventually(() => {
      const leading = replicas.filter((each) => each.leads());
      assert.equal(leading.length, 1);
      return { leading: leading[0], standby: replicas.find((each) => !each.leads()) };
    }, PATIENCE);
    assert.ok(found.leading !== undefined && found.standby !== undefined);
    leader = found.leading;
    cluster.hook.target = found.standby.process.http;
  });
  after(() => scope.disposeAsync());

  /** Pushes an image under this tag and begins to wait until the leader knows it; resolves to the time, ms from the push's end. */
  async function push(tag: string): Promise<{ readonly seen: Promise<number> }> {
    const image = await createLabImage(10_000);
    const digest = await repository.push([tag], image);
    const pushedAt = performance.now();
    digests.set(tag, digest);
    const isSeen = async () => {
      assert.equal((await leader.client.call("ResolveImage", { tag })).image.digest, digest);
      return performance.now() - pushedAt;
    };
    return { seen: eventually(isSeen, { withinMs: 4 * SEEN_WITHIN, everyMs: 100 }) };
  }

  /** Returns how long each took to be seen, ms; the greatest comes last. */
  async function timesToBeSeen(tags: readonly string[]): Promise<readonly number[]> {
    const times: number[] = [];
    for (let from = 0; from < tags.length; from += ROW) {
      const row: Promise<number>[] = [];
      for (const tag of tags.slice(from, from + ROW)) row.push((await push(tag)).seen);
      times.push(...(await Promise.all(row)));
    }
    return times.toSorted((one, other) => one - other);
  }

  it("F71, F72: the leader sees each of 200 pushes within five seconds", async (context) => {
    const times = await timesToBeSeen(Array.from({ length: PUSHES }, (_, index) => weekly(FIRST + index)));
    await recordFigures(context, `push to seen by the leader, ${NOTIFIED}`, ...times);
    assert.equal(times.length, PUSHES);
    assert.ok((times.at(-1) ?? 0) < SEEN_WITHIN);
  });

  it("F71, F72: the leader sees each of 20 moved tags within five seconds", async (context) => {
    const times = await timesToBeSeen(Array.from({ length: MOVES }, (_, index) => weekly(FIRST + PUSHES - 1 - index)));
    await recordFigures(context, `moved tag to seen by the leader, ${NOTIFIED}`, ...times);
    assert.equal(times.length, MOVES);
    assert.ok((times.at(-1) ?? 0) < SEEN_WITHIN);
  });

  it("both nodes have what is wanted in the end", async () => {
    const wanted = Array.from({ length: WANTED }, (_, index) => digests.get(weekly(FIRST + PUSHES - 1 - index)) ?? "");
    await leader.untilComplete(wanted);
  });
});
