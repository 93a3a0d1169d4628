// Garbage collection removes exactly what no run reaches, in an order that a crash cannot hurt, and nothing young or in
// use.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { DataError, ResourceError } from '../../../../schemas/errors.js';
import type { Commit } from '../../../../schemas/records.js';
import { collectGarbage, planGarbage, type Collected } from '../../../../storage/gc/collect-garbage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { putCheckpoint } from '../../../../storage/records/checkpoints.js';
import { putCommit } from '../../../../storage/records/commits.js';
import { putDataBytes, type StoredData } from '../../../../storage/records/data-objects.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { putKeyPreimage } from '../../../../storage/records/key-preimages.js';
import { putQuarantine } from '../../../../storage/records/quarantine.js';
import { setRef } from '../../../../storage/records/refs.js';
import { putRunDocument, removeRun } from '../../../../storage/records/runs.js';
import { keepSchedule, releaseSchedule } from '../../../../storage/records/schedule-roots.js';
import { publishSnapshot } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { watchedStore } from '../../../harness/watched-store.js';
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

  /** All keys but those of collections' marks. */
  async keys(): Promise<string[]> {
    const keys = (await collect(this.store.list(''))).map((info) => info.key);
    return keys.filter((one) => !one.startsWith('collections/'));
  }

  /** A collection at NOW; the clock goes back afterwards. */
  async collectNow(store = this.store): Promise<Collected> {
    const before = this.nowMs;
    this.nowMs = NOW;
    return collectGarbage(store).finally(() => {
      this.nowMs = before;
    });
  }

  /** Keys removed by a collection now. */
  async collected(): Promise<string[]> {
    const before = await this.keys();
    const plan = await planGarbage(this.store, { nowMs: NOW });
    expect(await this.keys()).toEqual(before);
    const { removed } = await this.collectNow();
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

describe('a record that is in use and cannot be read', () => {
  /** One run with everything that a walk reads; the keys of all of its records. */
  async function wholeRun(world: World): Promise<string[]> {
    const { store } = world;
    const preimage = { stage: 'encode', stageVersion: 1, config: {}, inputs: null };
    const encodeKey = await putKeyPreimage(store, preimage);
    const commit = await world.commit('encode', encodeKey, await world.large('large'));
    await publishSnapshot(store, {
      ...{ dataset: 'r/d/acts', stage: 'encode', key: encodeKey, tables: ['t'], commits: [commit] },
      ...{ planned: 1, quarantined: 0, revision: 1, complete: true },
    });
    await world.commit('encode', encodeKey, await world.data('in no segment'));
    const list = await putDataBytes(store, { bytes: Buffer.from('["x"]'), extension: 'json' });
    const template = await world.data('template');
    await keepSchedule(store, 'one', { schedule: 'nightly', template });
    await setRef(store, 'best', { list: list.sha256 });
    await putCheckpoint(store, { key: encodeKey.replace(/./, 'f'), step: 1, chunks: [], state: {} });
    const { stage, input, inputs, shard, split } = sampleCommit(1);
    await putQuarantine(store, {
      ...{
        formatVersion: 1,
        stage,
        input,
        inputs,
        shard,
        split,
        key: encodeKey,
        errorClass: 'DataError',
        message: 'm',
      },
      ...{ details: {}, attempts: 1, run: 'r', revision: 1, atMs: 1 },
    });
    await world.run('r', [encodeKey, encodeKey.replace(/./, 'f')]);
    // A commit that stands in a sound segment is not read from its own record.
    const covered = `commits/encode/${commit.key}/${commit.input}.json`;
    const keys = await world.keys();
    return keys.filter((k) => k !== covered && (!k.startsWith('data/') || /\.(json|zst)$/.test(k)));
  }

  it('ends the collection before anything is removed, and is named, whatever kind of record it is', async () => {
    const whole = new World();
    const records = await wholeRun(whole);
    const kinds = new Set(records.map((k) => (k.split('.').slice(1).join('.') || '') + k.split('/')[0]));
    expect([...kinds].sort()).toEqual([
      ...['jsoncheckpoints', 'jsoncommits', 'jsondata', 'jsonkeys', 'jsonquarantine', 'jsonrefs', 'jsonruns'],
      ...['jsonschedules', 'jsonsnapshots', 'parts.jsondata', 'zstdata'],
    ]);
    expect((await whole.collected()).length).toBe(0);
    for (const record of records) {
      for (const damage of ['', '{"a":1', 'null']) {
        const world = new World();
        await wholeRun(world);
        await world.data('orphan');
        await world.store.put(record, Buffer.from(damage));
        const before = await world.keys();
        const error = await failureOf(world.collectNow());
        expect(error, `${record} as ${damage}`).toBeInstanceOf(DataError);
        expect(error.message).toContain(record);
        expect(await world.keys()).toEqual(before);
      }
    }
  });

  it('is told with all others of its kind at once, and a missing segment counts as damaged', async () => {
    const world = new World();
    const records = await wholeRun(world);
    const segment = records.find((k) => k.endsWith('.zst')) ?? '';
    await world.store.delete(segment);
    await world.store.put('refs/best/000000000001.json', Buffer.from('?'));
    const error = await failureOf(world.collectNow());
    expect(error.message).toMatch(/found 2 that cannot be read/);
    expect(error.message).toContain(segment);
    expect(error.message).toContain('refs/best/000000000001.json');
  });
});
