// Labels that users give: whoever writes at the same time loses nothing, a label stays as long as a run holds its dictionary, and goes
// with it.
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import { changeUserLabels, readUserLabels } from '../../../../storage/labels/user-labels.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { removeRun } from '../../../../storage/records/removal.js';
import { failureOf } from '../../../harness/failure-of.js';
import { watchedStore } from '../../../harness/watched-store.js';
import { DAY, key, NOW, World } from './garbage-world.js';

const DICTIONARY = key('weights');

function give(store: ObjectStore, feature: number, label: string): Promise<Map<number, string>> {
  return changeUserLabels(store, { dictionary: DICTIONARY, change: (labels) => labels.set(feature, label) });
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const info of store.list(prefix)) keys.push(info.key);
  return keys;
}

describe('labels of a dictionary', () => {
  it('are what was last given, feature by feature, and gone once removed', async () => {
    const store = createMemoryStore();
    expect(await readUserLabels(store, DICTIONARY)).toEqual(new Map());
    await give(store, 7, 'begins a list');
    await give(store, 3, 'Städte 城');
    await give(store, 7, 'villages');
    expect([...(await readUserLabels(store, DICTIONARY))].sort()).toEqual([
      [3, 'Städte 城'],
      [7, 'villages'],
    ]);
    await changeUserLabels(store, { dictionary: DICTIONARY, change: (labels) => labels.clear() });
    expect(await readUserLabels(store, DICTIONARY)).toEqual(new Map());
    expect(await readUserLabels(store, key('other weights'))).toEqual(new Map());
  });

  it('that say what stands already make no new version', async () => {
    const store = createMemoryStore();
    await give(store, 7, 'villages');
    await give(store, 7, 'villages');
    await changeUserLabels(store, { dictionary: DICTIONARY, change: (labels) => labels.delete(8) });
    expect(await keysOf(store, 'labels/')).toEqual([`labels/${DICTIONARY}/000000000001.json`]);
  });

  it('of eight writers at once are all there', async () => {
    const store = createMemoryStore();
    const features = [0, 1, 2, 3, 4, 5, 6, 7];
    await Promise.all(features.map((feature) => give(store, feature, `label ${feature}`)));
    const found = await readUserLabels(store, DICTIONARY);
    expect([...found].sort()).toEqual(features.map((feature) => [feature, `label ${feature}`]));
  });

  it('of a writer that is overtaken between reading and writing are put on top of what came first', async () => {
    const inner = createMemoryStore();
    await give(inner, 1, 'one');
    let overtaken = false;
    const slow = watchedStore(inner, {
      putIfAbsent: async (k: string, body: Uint8Array) => {
        if (k.startsWith('labels/') && !overtaken) {
          overtaken = true;
          await give(inner, 2, 'two');
        }
        return inner.putIfAbsent(k, body);
      },
    });
    expect([...(await give(slow, 3, 'three'))].sort()).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ]);
    expect(await keysOf(inner, 'labels/')).toHaveLength(3);
  });

  it('that are damaged are an error that names the object, never no labels', async () => {
    const store = createMemoryStore();
    await give(store, 7, 'villages');
    const [table = ''] = await keysOf(store, 'data/');
    await store.put(table, Buffer.from('?'));
    const error = await failureOf(readUserLabels(store, DICTIONARY));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(table);
  });
});

describe('a collection of garbage', () => {
  it('keeps the newest labels of a dictionary that a run holds, and takes earlier versions', async () => {
    const world = new World();
    const weights = await world.data('weights');
    await world.commit('train', key('live'), weights);
    await world.run('r', [key('live')]);
    const of = (feature: number, label: string): Promise<unknown> =>
      changeUserLabels(world.store, {
        dictionary: weights.sha256,
        change: (labels) => labels.set(feature, label),
      });
    await of(1, 'one');
    const [early] = (await keysOf(world.store, 'data/')).filter((k) => k !== weights.key);
    await of(2, 'two');
    expect(await world.collected()).toEqual([early, `labels/${weights.sha256}/000000000001.json`].sort());
    expect((await readUserLabels(world.store, weights.sha256)).size).toBe(2);
  });

  it('takes the labels with the last run that holds the dictionary, however many versions there are', async () => {
    const world = new World();
    const weights = await world.data('weights');
    const commit = await world.commit('train', key('live'), weights);
    await world.run('r', [key('live')]);
    await world.run('copy', [key('live')]);
    await changeUserLabels(world.store, {
      dictionary: weights.sha256,
      change: (labels) => labels.set(1, 'one'),
    });
    await removeRun(world.store, 'r');
    expect(await world.collected()).toEqual([]);
    await removeRun(world.store, 'copy');
    const gone = await world.collected();
    expect(gone).toContain(`labels/${weights.sha256}/000000000001.json`);
    expect(gone).toContain(`commits/train/${commit.key}/${commit.input}.json`);
    expect(await keysOf(world.store, 'data/')).toEqual([]);
  });

  it('spares labels that are young, with their table, and no dictionary for their sake', async () => {
    const world = new World();
    const weights = await world.data('weights');
    world.nowMs = NOW - DAY + 60_000;
    await changeUserLabels(world.store, {
      dictionary: weights.sha256,
      change: (labels) => labels.set(1, 'one'),
    });
    expect(await world.collected()).toEqual([weights.key]);
    expect((await readUserLabels(world.store, weights.sha256)).size).toBe(1);
  });
});
