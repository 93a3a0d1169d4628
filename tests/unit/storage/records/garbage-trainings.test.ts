// What a collection does with trainings: checkpoints of one that has yet to end stay, those of one that has ended go, and before its commit,
// wherever the collection is cut off: without the commit it would look as if it had yet to end.
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { putCheckpoint } from '../../../../storage/records/checkpoints.js';
import { dataKey } from '../../../../storage/records/key-layout.js';
import { putKeyPreimage } from '../../../../storage/records/key-preimages.js';
import { removeRun } from '../../../../storage/records/removal.js';
import { watchedStore } from '../../../harness/watched-store.js';
import { key, NOW, World } from './garbage-world.js';

/** Where the bytes of a checkpoint's chunk lie. */
const dataOf = (text: string): string => dataKey(sha256Hex(text), 'bin');

describe('a collection', () => {
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

  it('drops a training of a removed run whole, though what it trained on is in use by another', async () => {
    const world = new World();
    const { store } = world;
    const config = { activationsKey: key('activations') };
    const trainKey = await putKeyPreimage(store, { stage: 'train', stageVersion: 1, config, inputs: 'x' });
    const state = { name: 'w', bytes: Buffer.from('the last state') };
    await putCheckpoint(store, { key: trainKey, step: 1, chunks: [state], state: {} });
    await world.commit('train', trainKey, await world.data('weights'));
    await world.run('other', [key('activations')]);
    await world.run('removed', [trainKey]);
    expect(await world.collected()).toEqual([`checkpoints/${trainKey}/000000000001.json`, dataOf('the last state')]);
    // Begun anew and ended once more: the same key, and a checkpoint again.
    await putCheckpoint(store, { key: trainKey, step: 1, chunks: [state], state: {} });
    await removeRun(store, 'removed');
    const gone = await world.collected();
    expect(gone.map((k) => k.split('/')[0])).toEqual(['checkpoints', 'commits', 'data', 'data', 'keys']);
    expect(await world.keys()).toEqual(['runs/other/1/plan.json']);
  });

  it('takes the checkpoints of a training before the commit that says that it has ended', async () => {
    const world = new World();
    const { store } = world;
    const config = { activationsKey: key('activations') };
    const trainKey = await putKeyPreimage(store, { stage: 'train', stageVersion: 1, config, inputs: 'x' });
    for (const step of [1, 2]) await putCheckpoint(store, { key: trainKey, step, chunks: [], state: {} });
    await world.commit('train', trainKey, await world.data('weights'));
    await world.run('other', [key('activations')]);
    // A collection that ends after any of its deletes leaves a training that has ended, or none; the next one takes what is left.
    const all = (await planGarbage(store, { nowMs: NOW })).keys.length;
    for (let deletes = 1; deletes < all; deletes++) {
      let left = 1;
      const cut = watchedStore(store, {
        head: (k: string) => (left-- > 0 ? store.head(k) : Promise.reject(new RangeError('cut'))),
      });
      await expect(world.collectNow(cut)).rejects.toThrow('cut');
      expect((await planGarbage(store, { nowMs: NOW })).keys, `after ${deletes}`).toHaveLength(all - deletes);
    }
  });
});
