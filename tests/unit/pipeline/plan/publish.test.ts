// What is published as complete is complete: an earlier snapshot is no proof that a commit still stands, and what was computed
// anew since then is what the new snapshot names.
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import type { Commit } from '../../../../schemas/records.js';
import { publish, type Publication } from '../../../../pipeline/execute/publish.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { putCommit } from '../../../../storage/records/commits.js';
import { commitKey } from '../../../../storage/records/key-layout.js';
import { latestSnapshot, readSnapshotCommits } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { collect, KEY, sampleCommit, sampleObject } from '../../storage/records/sample-records.js';

const COMMITS = [1, 2, 3].map((n) => sampleCommit(n));

class World {
  nowMs = 1_000_000;
  readonly store: ObjectStore = createMemoryStore(() => this.nowMs);

  async publish(as: Publication['as']): Promise<void> {
    this.nowMs += 60_000;
    const planned = COMMITS.map(({ input, split }) => [input, split] as const);
    const dataset = { dataset: 'r/tokens', tables: ['tokens'], key: KEY, planned: () => Promise.resolve(planned) };
    await publish(this.store, { stage: 'tokens', revision: 1, as, datasets: [dataset] });
    this.nowMs += 60_000;
  }

  async published(): Promise<Commit[]> {
    const snapshot = await latestSnapshot(this.store, 'r/tokens');
    return snapshot === null ? [] : collect(readSnapshotCommits(this.store, snapshot));
  }
}

async function grown(): Promise<World> {
  const world = new World();
  for (const commit of COMMITS) await putCommit(world.store, commit);
  await world.publish('growing');
  return world;
}

describe('publishing', () => {
  it('as complete refuses where a commit is gone that an earlier snapshot still names', async () => {
    const world = await grown();
    await world.store.delete(commitKey(COMMITS[1] as Commit));
    const error = await failureOf(world.publish('whole'));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/Expected 3 items of r\/tokens.*found 2 commits and 0 quarantined/);
    expect((await latestSnapshot(world.store, 'r/tokens'))?.complete).toBe(false);
  });

  it('names the commit that stands, not the one that was there when the snapshot before was made', async () => {
    const world = await grown();
    const anew = { ...(COMMITS[1] as Commit), objects: [sampleObject('computed again, with other bytes')] };
    await world.store.delete(commitKey(anew));
    await putCommit(world.store, anew);
    await world.publish('whole');
    const keys = (await world.published()).flatMap(({ objects }) => objects.map(({ key }) => key));
    expect(keys).toContain(anew.objects[0]?.key);
    expect(keys).toHaveLength(3);
    expect((await latestSnapshot(world.store, 'r/tokens'))?.complete).toBe(true);
  });
});
