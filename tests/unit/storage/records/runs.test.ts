// Runs, events, refs and checkpoints: first writers win, racing writers form one order, and changed records are
// noticed.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { digestOf, sha256Hex } from '../../../../core/identity/digest.js';
import { DataError, InputError } from '../../../../schemas/errors.js';
import type { RunEvent } from '../../../../schemas/records.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import {
  getChunk,
  latestCheckpoint,
  listCheckpointSteps,
  putCheckpoint,
} from '../../../../storage/records/checkpoints.js';
import { appendEvent, lastEvent, readEvents } from '../../../../storage/records/events.js';
import { getRef, listRefs, setRef } from '../../../../storage/records/refs.js';
import { removeRun } from '../../../../storage/records/removal.js';
import { listRevisions, listRuns } from '../../../../storage/records/revisions.js';
import * as runs from '../../../../storage/records/runs.js';
import { failureOf } from '../../../harness/failure-of.js';
import { countCalls } from './counting-store.js';
import { collect } from './sample-records.js';

const RUN = { name: 'my run/2026', revision: 3 };
const schema = z.strictObject({ formatVersion: z.literal(1), text: z.string() });
const text = (value: string) => ({ formatVersion: 1 as const, text: value });

describe('runs', () => {
  it('keep the first configuration and plan of a revision', async () => {
    const store = createMemoryStore();
    for (const document of ['config', 'plan'] as const) {
      expect(await runs.getRunDocument(store, RUN, { document, schema })).toBeNull();
      const first = await runs.putRunDocument(store, RUN, { document, schema, value: text('1') });
      expect(first).toEqual({ record: text('1'), created: true });
      const second = await runs.putRunDocument(store, RUN, { document, schema, value: text('2') });
      expect(second).toEqual({ record: text('1'), created: false });
      expect(await runs.getRunDocument(store, RUN, { document, schema })).toEqual(text('1'));
    }
    const keys = (await collect(store.list(''))).map((info) => info.key);
    expect(keys).toEqual(['runs/my%20run%2F2026/3/config.json', 'runs/my%20run%2F2026/3/plan.json']);
  });

  it('overwrite their sign of life and collect their attempts', async () => {
    const store = createMemoryStore();
    expect(await runs.getBeat(store, RUN, schema)).toBeNull();
    await runs.putBeat(store, RUN, text('1'));
    await runs.putBeat(store, RUN, text('2'));
    expect(await runs.getBeat(store, RUN, schema)).toEqual(text('2'));
    await runs.putAttempt(store, RUN, { id: 'b', value: text('b'), schema });
    await runs.putAttempt(store, RUN, { id: 'a', value: text('a'), schema });
    expect(await runs.listAttempts(store, RUN, schema)).toEqual([text('a'), text('b')]);
  });

  it('are listed with their revisions in the order of numbers, also behind many events', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    const put = (name: string, revision: number): Promise<unknown> =>
      runs.putRunDocument(store, { name, revision }, { document: 'config', schema, value: text(name) });
    for (const revision of [1, 2, 10]) {
      await put('a', revision);
      await runs.markBegun(store, { name: 'a', revision });
    }
    for (const name of ['a.b', 'with space', 'a/b', '~']) await put(name, 1);
    for (let n = 0; n < 700; n++) {
      await store.put(`runs/a/1/events/${String(n).padStart(12, '0')}.json`, Buffer.from('{}'));
    }
    reset();
    const listed = await listRuns(store);
    expect(new Map(listed.map((run) => [run.name, run.revisions]))).toEqual(
      new Map([
        ['a', [1, 2, 10]],
        ['a.b', [1]],
        ['with space', [1]],
        ['a/b', [1]],
        ['~', [1]],
      ]),
    );
    // Once from the start, once past the 700 events.
    expect(counts()).toEqual({ list: 2 });
    expect(await listRevisions(store, 'a')).toEqual([1, 2, 10]);
    expect(await listRevisions(store, 'none')).toEqual([]);
  });

  it('are removed with all their records, and nothing of their neighbours', async () => {
    const store = createMemoryStore();
    for (const name of ['a', 'ab']) {
      await runs.putRunDocument(store, { name, revision: 1 }, { document: 'config', schema, value: text(name) });
      await appendEvent(store, { name, revision: 1 }, { type: 't', data: {}, atMs: 1 });
    }
    expect(await removeRun(store, 'a')).toBe(2);
    expect((await listRuns(store)).map((run) => run.name)).toEqual(['ab']);
  });
});

describe('events', () => {
  const add = (store: Parameters<typeof appendEvent>[0], n: number, after?: RunEvent) =>
    appendEvent(store, RUN, { type: `t${n}`, data: { n }, atMs: n, after });

  it('form a chain by the digest of the one before', async () => {
    const store = createMemoryStore();
    expect(await lastEvent(store, RUN)).toBeNull();
    const one = await add(store, 1);
    const two = await add(store, 2);
    const three = await add(store, 3, two);
    expect(one).toMatchObject({ n: 1, previous: null, type: 't1', data: { n: 1 } });
    expect(two).toMatchObject({ n: 2, previous: digestOf(one) });
    expect(three).toMatchObject({ n: 3, previous: digestOf(two) });
    expect(await readEvents(store, RUN)).toEqual([one, two, three]);
    expect(await readEvents(store, RUN, one)).toEqual([two, three]);
    expect(await readEvents(store, RUN, three)).toEqual([]);
    expect(await lastEvent(store, RUN)).toEqual(three);
  });

  it('of racing writers stand one behind the other', async () => {
    const store = createMemoryStore();
    const events = await Promise.all([1, 2, 3, 4, 5].map((n) => add(store, n)));
    expect(events.map((event) => event.n).sort()).toEqual([1, 2, 3, 4, 5]);
    expect((await readEvents(store, RUN)).map((event) => event.n)).toEqual([1, 2, 3, 4, 5]);
  });

  it('that were changed, removed or damaged break the chain where it was done', async () => {
    const key = (n: number): string => `runs/my%20run%2F2026/3/events/${String(n).padStart(12, '0')}.json`;
    const damages: [number, (content: Buffer) => Buffer | null][] = [
      [3, (content) => Buffer.from(content.toString().replace('"atMs":2', '"atMs":7'))],
      [3, () => null],
      [2, () => Buffer.from('{')],
    ];
    for (const [where, damage] of damages) {
      const store = createMemoryStore();
      for (let n = 1; n <= 4; n++) await add(store, n);
      const content = damage(Buffer.from((await store.get(key(2))) ?? []));
      if (content === null) await store.delete(key(2));
      else await store.put(key(2), content);
      const error = await failureOf(readEvents(store, RUN));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toContain(key(where));
    }
  });
});

describe('refs', () => {
  it('have the value of their highest version', async () => {
    const store = createMemoryStore();
    expect(await getRef(store, 'best')).toBeNull();
    for (let n = 1; n <= 12; n++) expect((await setRef(store, 'best', { n })).version).toBe(n);
    expect(await getRef(store, 'best')).toMatchObject({
      name: 'best',
      version: 12,
      value: { n: 12 },
    });
    expect((await setRef(store, 'best', { n: 12 })).version).toBe(12);
    expect((await setRef(store, 'best', { n: 1 })).version).toBe(13);
  });

  it('keep every value of racing writers under a number of its own', async () => {
    const store = createMemoryStore();
    const refs = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((n) => setRef(store, 'r', n)));
    expect(refs.map((ref) => ref.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const highest = refs.find((ref) => ref.version === 8);
    expect(await getRef(store, 'r')).toEqual(highest);
  });

  it('are listed with names as they were given', async () => {
    const store = createMemoryStore();
    for (const name of ['b/c', 'b', 'ä ö']) await setRef(store, name, 1);
    await setRef(store, 'b', 2);
    const versions = new Map((await listRefs(store)).map((ref) => [ref.name, ref.version]));
    expect(versions).toEqual(
      new Map([
        ['b', 2],
        ['b/c', 1],
        ['ä ö', 1],
      ]),
    );
    await expect(setRef(store, '', 1)).rejects.toThrow(InputError);
  });
});

describe('checkpoints', () => {
  const KEY = sha256Hex('training');
  const chunk = (name: string, content: string) => ({ name, bytes: Buffer.from(content) });

  it('share chunks that did not change and keep the last two', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    expect(await latestCheckpoint(store, KEY)).toBeNull();
    for (const step of [5, 10, 15, 100]) {
      reset();
      const chunks = [chunk('W_enc', 'the same'), chunk('moments', `step ${step}`)];
      await putCheckpoint(store, { key: KEY, step, chunks, state: { cursor: step } });
      // The record and what changed; at the first step also the chunk that stays.
      expect(counts()['putIfAbsent']).toBe(step === 5 ? 3 : 2);
    }
    expect(await listCheckpointSteps(store, KEY)).toEqual([15, 100]);
    const latest = await latestCheckpoint(store, KEY);
    expect(latest).toMatchObject({ step: 100, state: { cursor: 100 } });
    const contents = await Promise.all((latest?.chunks ?? []).map((c) => getChunk(store, c)));
    expect(contents.map((bytes) => Buffer.from(bytes).toString())).toEqual(['the same', 'step 100']);
    expect(latest?.chunks.map((c) => [c.name, c.bytes])).toEqual([
      ['W_enc', 8],
      ['moments', 8],
    ]);
  });

  it('of one step stand as they were written first', async () => {
    const store = createMemoryStore();
    const put = (content: string) =>
      putCheckpoint(store, {
        key: KEY,
        step: 1,
        chunks: [chunk('a', content)],
        state: { content },
      });
    expect((await put('one')).state).toEqual({ content: 'one' });
    expect((await put('two')).state).toEqual({ content: 'one' });
  });

  it('refuse a step that has no place in a key', async () => {
    for (const step of [-1, 1.5, 1e12]) {
      const put = putCheckpoint(createMemoryStore(), { key: KEY, step, chunks: [], state: {} });
      expect((await failureOf(put)).message).toMatch(/whole number from 0.*correct the caller/s);
    }
  });
});
