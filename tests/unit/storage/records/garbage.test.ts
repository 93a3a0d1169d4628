// Garbage collection removes exactly what no run reaches, in an order that a crash cannot hurt, and nothing young or in
// use.
import { describe, expect, it } from 'vitest';
import { ResourceError } from '../../../../schemas/errors.js';
import { planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { putDataBytes } from '../../../../storage/records/data-objects.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { putKeyPreimage } from '../../../../storage/records/key-preimages.js';
import { putQuarantine } from '../../../../storage/records/quarantine.js';
import { setRef } from '../../../../storage/records/refs.js';
import { removeRun } from '../../../../storage/records/removal.js';
import { keepSchedule, releaseSchedule } from '../../../../storage/records/schedule-roots.js';
import { publishSnapshot } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { watchedStore } from '../../../harness/watched-store.js';
import { DAY, key, NOW, World } from './garbage-world.js';
import { sampleCommit } from './sample-records.js';

describe('garbage collection', () => {
  it('removes exactly the commits and objects that no run reaches, and counts them', async () => {
    const world = new World();
    const live = await world.commit('tokens', key('live'), await world.data('live'));
    const shared = await world.data('shared');
    await world.commit('encode', key('live'), shared);
    const dead = await world.commit('encode', key('dead'), await world.data('dead object'));
    const deadShared = await world.commit('encode', key('dead'), shared);
    const orphan = await world.data('orphan');
    await world.run('r', [key('live')]);
    const plan = await planGarbage(world.store, { nowMs: NOW });
    expect(plan).toMatchObject({ commits: 2, objects: 2 });
    const deadKeys = [dead, deadShared].map((c) => `commits/encode/${c.key}/${c.input}.json`);
    const deadData = [dead.objects[0]?.key, orphan.key];
    expect(new Set(plan.keys)).toEqual(new Set([...deadKeys, ...deadData]));
    const sizes = await Promise.all(plan.keys.map(async (k) => (await world.store.head(k))?.bytes ?? 0));
    expect(plan.bytes).toBe(sizes.reduce((a, b) => a + b, 0));
    await world.collected();
    expect(await world.keys()).toContain(live.objects[0]?.key);
    expect(await world.keys()).toContain(shared.key);
    expect(await world.collected()).toEqual([]);
  });

  it('removes commits before the data that they name, and lists of parts before the parts', async () => {
    const world = new World();
    await world.commit('tokens', key('dead'), await world.large('many parts'));
    await world.commit('tokens', key('dead'), await world.data('one'));
    const { keys } = await planGarbage(world.store, { nowMs: NOW });
    const kinds = keys.map((k) => (k.endsWith('parts.json') ? 'parts' : k.split('/')[0]));
    expect(kinds).toEqual(['commits', 'commits', 'parts', 'data', 'data', 'data', 'data']);
    const order: string[] = [];
    const watched = watchedStore(world.store, {
      head: (k: string) => world.store.head(k),
      delete: async (k: string) => {
        await new Promise((resolve) => setTimeout(resolve, k.startsWith('commits/') ? 20 : 0));
        if (!k.startsWith('collections/')) order.push(k);
        await world.store.delete(k);
      },
    });
    await world.collectNow(watched);
    expect(order.slice(0, 2).every((k) => k.startsWith('commits/'))).toBe(true);
    expect(order[2]).toMatch(/parts\.json$/);
  });

  it('keeps all parts of a large object that is reached', async () => {
    const world = new World();
    await world.commit('tokens', key('live'), await world.large('many parts'));
    await world.run('r', [key('live')]);
    expect(await world.collected()).toEqual([]);
  });

  it('spares what is younger than a day, with everything that it names', async () => {
    const world = new World();
    const old = await world.data('old object of a young commit');
    const spare = await world.data('old orphan');
    world.nowMs = NOW - DAY + 60_000;
    await world.commit('tokens', key('dead'), old);
    const young = await world.data('young orphan');
    expect(await world.collected()).toEqual([spare.key]);
    expect(await world.keys()).toContain(young.key);
  });

  it('counts what is young and not needed by the same walk: each record is read once', async () => {
    const world = new World();
    await world.run('r', [key('live')]);
    await world.commit('tokens', key('live'), await world.data('live'));
    await world.commit('tokens', key('dead'), await world.data('old and dead'));
    const named = await world.data('named by what is young');
    const list = await putDataBytes(world.store, {
      bytes: Buffer.from(JSON.stringify([key('live')])),
      extension: 'json',
    });
    world.nowMs = NOW - DAY + 60_000;
    const young = await world.commit('encode', key('young'), named);
    const orphan = await world.data('young orphan');
    await world.run('other', [], { list: list.sha256 });
    const read: string[] = [];
    const watched = watchedStore(world.store, {
      get: (k: string) => {
        read.push(k);
        return world.store.get(k);
      },
    });
    const plan = await planGarbage(watched, { nowMs: NOW });
    expect(read.toSorted()).toEqual([...new Set(read)].sort());
    expect(plan.keys).toHaveLength(2);
    // The young commit, what it names though that is old, and the orphan.
    const record = `commits/encode/${young.key}/${young.input}.json`;
    const sizes = await Promise.all(
      [record, named.key, orphan.key].map(async (k) => (await world.store.head(k))?.bytes),
    );
    expect(plan.young).toEqual({ objects: 3, bytes: sizes.reduce<number>((sum, one) => sum + (one ?? 0), 0) });
    expect((await planGarbage(world.store, { nowMs: NOW + DAY })).keys).toHaveLength(2 + 3);
  });

  it('does not count what has come since a run at work began: it may be on its way into a commit', async () => {
    const world = new World();
    world.nowMs = NOW - 3000;
    await world.data('before');
    world.nowMs = NOW - 2000;
    await world.run('r', []);
    await world.run('rr', []);
    world.nowMs = NOW - 1000;
    await world.data('not yet committed');
    const count = async (...active: string[]): Promise<number> =>
      (await planGarbage(world.store, { nowMs: NOW, active })).young.objects;
    expect([await count(), await count('r'), await count('none')]).toEqual([2, 1, 2]);
  });

  it('spares what was adopted between plan and removal', async () => {
    const world = new World();
    const orphan = await world.data('orphan');
    // The store in which somebody stores the same content just before the collector looks at it for the last time.
    const meanwhile = watchedStore(world.store, {
      head: async (k: string) => {
        if (k === orphan.key) await world.store.touch(k);
        return world.store.head(k);
      },
    });
    expect(await world.collectNow(meanwhile)).toMatchObject({ removed: 0, spared: 1 });
    expect(await world.keys()).toEqual([orphan.key]);
  });

  it('follows the plan through data objects, pre-images and upstream keys', async () => {
    const world = new World();
    const { store } = world;
    const tokens = await world.commit('tokens', key('tokens'), await world.data('tokens'));
    const preimage = {
      stage: 'encode',
      stageVersion: 1,
      config: { upstream: key('tokens') },
      inputs: null,
    };
    const encodeKey = await putKeyPreimage(store, preimage);
    await world.commit('encode', encodeKey, await world.data('acts'));
    const model = await world.large('the model file');
    const manifest = await putDataBytes(store, {
      bytes: Buffer.from(JSON.stringify({ encodeKey, model })),
      extension: 'json',
    });
    await world.run('r', [], { manifest: manifest.key });
    expect(await world.collected()).toEqual([]);
    expect(await store.get(tokens.objects[0]?.key ?? '')).not.toBeNull();
    await removeRun(store, 'r');
    await world.collected();
    expect(await world.keys()).toEqual([]);
  });

  it('keeps the newest snapshot of each dataset of a run, older ones for a day, none without the run', async () => {
    const world = new World();
    const { store } = world;
    const commits = [];
    for (const text of ['one', 'two', 'three']) {
      commits.push(await world.commit('tokens', key('live'), await world.data(text)));
      await publishSnapshot(store, {
        dataset: 'r/tokens',
        stage: 'tokens',
        key: key('live'),
        tables: ['t'],
        commits,
        planned: null,
        quarantined: 0,
        revision: 1,
        complete: false,
      });
    }
    await world.run('r', []);
    const gone = await world.collected();
    expect(gone.filter((k) => k.startsWith('snapshots/'))).toEqual([
      'snapshots/r/tokens/000000000001.json',
      'snapshots/r/tokens/000000000002.json',
    ]);
    expect(gone.filter((k) => k.startsWith('commits/'))).toEqual([]);
    expect(gone.filter((k) => k.endsWith('.arrow'))).toEqual([]);
    await removeRun(store, 'r');
    await world.collected();
    expect(await world.keys()).toEqual([]);
  });

  it('keeps what a ref names, and its newest version only', async () => {
    const world = new World();
    const one = await world.data('one');
    const two = await world.data('two');
    await setRef(world.store, 'best', { dictionary: one.sha256 });
    await setRef(world.store, 'best', { dictionary: two.sha256 });
    expect(await world.collected()).toEqual([one.key, 'refs/best/000000000001.json'].sort());
  });

  it('drops quarantine records of keys that nothing reaches', async () => {
    const world = new World();
    for (const name of ['live', 'dead']) {
      const { stage, input, inputs, shard, split } = sampleCommit(1);
      await putQuarantine(world.store, {
        formatVersion: 1,
        ...{ stage, input, inputs, shard, split },
        key: key(name),
        errorClass: 'DataError',
        message: 'm',
        details: {},
        attempts: 1,
        run: 'r',
        revision: 1,
        atMs: 1,
      });
    }
    await world.run('r', [key('live')]);
    const gone = await world.collected();
    expect(gone).toHaveLength(1);
    expect(gone[0]).toContain(`quarantine/tokens/${key('dead')}/`);
  });

  it('refuses to remove anything while a revision of a run is active, naming it', async () => {
    const world = new World();
    await world.data('orphan');
    const say = (revision: number, type: string): Promise<unknown> =>
      appendEvent(world.store, { name: 'a', revision }, { type, data: {}, atMs: 1 });
    await say(1, 'started');
    for (const type of ['started', 'failed']) await say(2, type);
    const before = await world.keys();
    const error = await failureOf(world.collectNow());
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/no active run.*found a; .*assay cancel/s);
    expect(await world.keys()).toEqual(before);
    await say(1, 'cancelled');
    expect(await world.collectNow()).toMatchObject({ removed: 1 });
  });

  it('keeps the last complete snapshot of a dataset while a newer one grows', async () => {
    const world = new World();
    const { store } = world;
    const commit = await world.commit('tokens', key('live'), await world.data('one'));
    await world.run('r', []);
    for (const [revision, complete] of [
      [1, false],
      [1, true],
      [2, false],
      [3, false],
    ] as const) {
      await publishSnapshot(store, {
        ...{ dataset: 'r/tokens', stage: 'tokens', key: key('live'), tables: ['t'], commits: [commit] },
        ...{ planned: 1, quarantined: 0, revision, complete },
      });
    }
    const versions = (await world.collected()).filter((k) => k.startsWith('snapshots/'));
    expect(versions).toEqual(['snapshots/r/tokens/000000000001.json', 'snapshots/r/tokens/000000000003.json']);
  });

  it('keeps the template of a schedule until the schedule is let go', async () => {
    const world = new World();
    const template = await world.data('a run file');
    await keepSchedule(world.store, 'one', { schedule: 'nightly', template });
    expect(await world.collected()).toEqual([]);
    await releaseSchedule(world.store, 'one', 'nightly');
    expect(await world.collected()).toEqual([template.key]);
  });
});
