// A record that is in use and cannot be read may name anything: a collection ends before it removes a thing, and names it.
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import { putCheckpoint } from '../../../../storage/records/checkpoints.js';
import { putDataBytes } from '../../../../storage/records/data-objects.js';
import { putKeyPreimage } from '../../../../storage/records/key-preimages.js';
import { putQuarantine } from '../../../../storage/records/quarantine.js';
import { setRef } from '../../../../storage/records/refs.js';
import { keepSchedule } from '../../../../storage/records/schedule-roots.js';
import { publishSnapshot } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { World } from './garbage-world.js';
import { sampleCommit } from './sample-records.js';

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
    const kinds = new Set(records.map((k) => k.split('.').slice(1).join('.') + (k.split('/')[0] ?? '')));
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
