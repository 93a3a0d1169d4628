// Garbage collection removes exactly what no run reaches, in an order that a crash cannot hurt, and nothing young or in
// use.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { ResourceError } from '../../../../schemas/errors.js';
import type { Commit } from '../../../../schemas/records.js';
import { applyGarbage, planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { putCheckpoint } from '../../../../storage/records/checkpoints.js';
import { putCommit } from '../../../../storage/records/commits.js';
import { putDataBytes, type StoredData } from '../../../../storage/records/data-objects.js';
import { putKeyPreimage } from '../../../../storage/records/key-preimages.js';
import { putQuarantine } from '../../../../storage/records/quarantine.js';
import { setRef } from '../../../../storage/records/refs.js';
import { putRunDocument, removeRun } from '../../../../storage/records/runs.js';
import { publishSnapshot } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { collect, sampleCommit } from './sample-records.js';

const DAY = 24 * 3600_000;
const NOW = Date.now();

/** A store whose clock is set by hand. */
class World {
  nowMs = NOW - 3 * DAY;
  readonly store: ObjectStore = createMemoryStore(() => this.nowMs);

  async data(text: string): Promise<StoredData> {
    return putDataBytes(this.store, { bytes: Buffer.from(text), extension: 'arrow' });
  }

  async large(text: string): Promise<StoredData> {
    return putDataBytes(this.store, { bytes: Buffer.from(text), extension: 'bin' }, { partBytes: 4 });
  }

  async commit(stage: Commit['stage'], key: string, object: StoredData): Promise<Commit> {
    const record = { table: 't', shard: 's', rows: 1, batches: [], ...object };
    const input = sha256Hex(`${key} ${object.key}`);
    const { commit } = await putCommit(this.store, sampleCommit(1, { stage, key, input, objects: [record] }));
    return commit;
  }

  async run(name: string, keys: readonly string[], more: unknown = null): Promise<void> {
    const value = { keys: [...keys], more };
    await putRunDocument(this.store, { name, revision: 1 }, { document: 'plan', schema: z.unknown(), value });
  }

  async keys(): Promise<string[]> {
    return (await collect(this.store.list(''))).map((info) => info.key);
  }

  /** Keys removed by a collection now. */
  async collected(): Promise<string[]> {
    const before = await this.keys();
    const plan = await planGarbage(this.store, { nowMs: NOW });
    expect(await this.keys()).toEqual(before);
    const { removed } = await applyGarbage(this.store, plan, { activeRuns: [] });
    const after = await this.keys();
    const gone = before.filter((key) => !after.includes(key));
    expect(gone.length).toBe(removed);
    expect(new Set(gone)).toEqual(new Set(plan.keys));
    return gone;
  }
}

const key = (name: string): string => sha256Hex(`key ${name}`);

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
    const watched = Object.assign(Object.create(world.store) as ObjectStore, {
      head: (k: string) => world.store.head(k),
      delete: async (k: string) => {
        await new Promise((resolve) => setTimeout(resolve, k.startsWith('commits/') ? 20 : 0));
        order.push(k);
        await world.store.delete(k);
      },
    });
    const plan = await planGarbage(world.store, { nowMs: NOW });
    await applyGarbage(watched, plan, { activeRuns: [] });
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

  it('spares what was adopted between plan and removal', async () => {
    const world = new World();
    const orphan = await world.data('orphan');
    const plan = await planGarbage(world.store, { nowMs: NOW });
    world.nowMs = NOW;
    await world.data('orphan');
    expect(await applyGarbage(world.store, plan, { activeRuns: [] })).toEqual({
      removed: 0,
      spared: 1,
    });
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

  it('keeps the checkpoints of a training that has not ended, and drops them when it has', async () => {
    const world = new World();
    const { store } = world;
    await world.run('r', [key('activations')]);
    const preimage = {
      stage: 'train',
      stageVersion: 1,
      config: { activationsKey: key('activations') },
      inputs: 'x',
    };
    const trainKey = await putKeyPreimage(store, preimage);
    const other = { ...preimage, config: { activationsKey: key('gone') } };
    const lostKey = await putKeyPreimage(store, other);
    for (const k of [trainKey, lostKey]) {
      await putCheckpoint(store, {
        key: k,
        step: 1,
        chunks: [{ name: 'w', bytes: Buffer.from(k) }],
        state: {},
      });
    }
    const gone = await world.collected();
    expect(gone).toContain(`checkpoints/${lostKey}/000000000001.json`);
    expect(await world.keys()).toContain(`checkpoints/${trainKey}/000000000001.json`);
    expect(gone.filter((k) => k.startsWith('data/'))).toHaveLength(1);
    const done = await world.commit('train', trainKey, await world.data('weights'));
    await world.run('r2', [trainKey]);
    const after = await world.collected();
    expect(after).toContain(`checkpoints/${trainKey}/000000000001.json`);
    expect(await world.keys()).toContain(done.objects[0]?.key);
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

  it('refuses to remove anything while a run is active, naming it', async () => {
    const world = new World();
    await world.data('orphan');
    const plan = await planGarbage(world.store, { nowMs: NOW });
    const error = await failureOf(applyGarbage(world.store, plan, { activeRuns: ['a', 'b'] }));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/no active run.*found a, b.*assay cancel/s);
    expect(await world.keys()).toHaveLength(1);
  });
});
