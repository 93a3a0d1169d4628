// A commit, a quarantine and a pre-image are each written once, by whoever races, and read back whole or not at all.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { DataError } from '../../../../schemas/errors.js';
import type { Quarantine } from '../../../../schemas/records.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import {
  commitOutput,
  getCommit,
  listCommitInputs,
  putCommit,
  readCommits,
} from '../../../../storage/records/commits.js';
import { getKeyPreimage, putKeyPreimage } from '../../../../storage/records/key-preimages.js';
import {
  deleteQuarantine,
  listQuarantine,
  listQuarantineInputs,
  putQuarantine,
} from '../../../../storage/records/quarantine.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { countCalls } from './counting-store.js';
import { KEY, sampleCommit } from './sample-records.js';

describe('commits', () => {
  it('are created once: the second attempt gets the content of the first', async () => {
    const store = createMemoryStore();
    const first = sampleCommit(1);
    const second = sampleCommit(1, { attempt: 'two', statistics: { tokens: 99 } });
    expect(await putCommit(store, first)).toEqual({ commit: first, adopted: false });
    expect(await putCommit(store, second)).toEqual({ commit: first, adopted: true });
    expect(await getCommit(store, first)).toEqual(first);
  });

  it('are not adopted from oneself: the same bytes again are the same commit', async () => {
    const store = createMemoryStore();
    await putCommit(store, sampleCommit(1));
    expect((await putCommit(store, sampleCommit(1))).adopted).toBe(false);
  });

  it('of 20 shards with 3 racing attempts each: 20 win, 40 adopt, nobody differs', async () => {
    const store = createMemoryStore();
    const jobs = Array.from({ length: 60 }, (_, i) => sampleCommit(i % 20, { attempt: `a${Math.floor(i / 20)}` }));
    const outcomes = await Promise.all(jobs.map((commit) => putCommit(store, commit)));
    expect(outcomes.filter((outcome) => !outcome.adopted)).toHaveLength(20);
    for (const { commit } of outcomes) expect(await getCommit(store, commit)).toEqual(commit);
  });

  it('are listed by their inputs, without reading one of them', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    for (let i = 0; i < 50; i++) await putCommit(store, sampleCommit(i));
    await putCommit(store, sampleCommit(0, { key: sha256Hex('another key') }));
    reset();
    const inputs = await listCommitInputs(store, 'tokens', KEY);
    expect(inputs).toEqual(new Set(Array.from({ length: 50 }, (_, i) => sampleCommit(i).input)));
    expect(counts()).toEqual({ list: 1 });
    expect(await listCommitInputs(store, 'encode', KEY)).toEqual(new Set());
  });

  it('are read sorted by input; known ones are not asked for, missing ones are left out', async () => {
    const { store, counts, reset } = countCalls(createMemoryStore());
    const commits = [0, 1, 2, 3, 4].map((n) => sampleCommit(n));
    for (const commit of commits.slice(0, 4)) await putCommit(store, commit);
    const known = new Map(commits.slice(0, 3).map((commit) => [commit.input, commit]));
    reset();
    const inputs = commits.map((commit) => commit.input);
    const read = await readCommits(store, { stage: 'tokens', key: KEY, inputs, known });
    expect(read).toEqual(commits.slice(0, 4).sort((a, b) => (a.input < b.input ? -1 : 1)));
    expect(counts()).toEqual({ get: 2 });
  });

  it('that are damaged name their key and what to do', async () => {
    const store = createMemoryStore();
    const commit = sampleCommit(1);
    const key = `commits/tokens/${KEY}/${commit.input}.json`;
    const cases: [string, RegExp][] = [
      ['{"formatVersion":1', /Expected JSON in commits\/tokens.*damaged.*assay resume/s],
      ['{"formatVersion":2}', /version 1 or older.*found version 2.*upgrade/s],
      ['{"formatVersion":1}', /to have the fields.*stage.*damaged/s],
      [JSON.stringify({ ...commit, more: 1 }), /Unrecognized key.*more/s],
    ];
    for (const [content, text] of cases) {
      await store.put(key, Buffer.from(content));
      const error = await failureOf(getCommit(store, commit));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toMatch(text);
      expect(error.details).toMatchObject({ key });
    }
  });

  it('that do not fit their format are refused before they are written', async () => {
    const store = createMemoryStore();
    const error = await failureOf(putCommit(store, sampleCommit(1, { input: 'short' })));
    expect(error.message).toMatch(/to be written.*input/s);
    expect(await listCommitInputs(store, 'tokens', KEY)).toEqual(new Set());
  });
});

describe('commitOutput', () => {
  it('stores the files, then commits them with their shards, and does the same again', async () => {
    const folder = temporaryFolderOfTest('commit');
    const store = createMemoryStore();
    const order: string[] = [];
    const watched = countCalls(
      Object.assign(Object.create(store) as typeof store, {
        get: (key: string) => store.get(key),
        head: (key: string) => store.head(key),
        putIfAbsent: (key: string, body: Uint8Array) => {
          order.push(key.split('/')[0] ?? '');
          return store.putIfAbsent(key, body);
        },
      }),
    ).store;
    const files = [];
    for (const name of ['a', 'b', 'c']) {
      const path = join(folder, name);
      await writeFile(path, name);
      const batches = [{ offset: 0, length: 1, rows: 1, min: 0, max: 0, crc32: 7 }];
      files.push({
        table: 'tokens',
        path,
        extension: 'arrow' as const,
        sha256: sha256Hex(name),
        bytes: 1,
        rows: 1,
        batches,
        ...(name === 'b' ? { shard: 'another' } : {}),
      });
    }
    const { stage, key, input, inputs, shard, split, statistics, engine, attempt, wallMs, producer } = sampleCommit(1);
    const output = {
      ...{ stage, key, input, inputs, shard, split, statistics, engine, attempt, wallMs, producer },
      files,
    };
    const { commit, adopted } = await commitOutput(watched, output);
    expect(adopted).toBe(false);
    expect(order).toEqual(['data', 'data', 'data', 'commits']);
    expect(commit.objects.map((o) => [o.shard, o.sha256, o.rows, o.batches.length])).toEqual([
      ['shard-1', sha256Hex('a'), 1, 1],
      ['another', sha256Hex('b'), 1, 1],
      ['shard-1', sha256Hex('c'), 1, 1],
    ]);
    const again = await commitOutput(store, { ...output, attempt: 'two' });
    expect(again).toEqual({ commit, adopted: true });
  });
});

describe('quarantine', () => {
  const record = (n: number, attempts: number): Quarantine => {
    const { stage, key, input, inputs, shard, split } = sampleCommit(n);
    return {
      formatVersion: 1,
      ...{ stage, key, input, inputs, shard, split, attempts },
      errorClass: 'DataError',
      message: 'NaN at 3',
      details: { position: 3 },
      run: 'r',
      revision: 1,
      atMs: 5,
    };
  };

  it('is recorded, replaced when the work fails again, and removed when it succeeds', async () => {
    const store = createMemoryStore();
    await putQuarantine(store, record(1, 1));
    await putQuarantine(store, record(2, 1));
    await putQuarantine(store, record(1, 2));
    const inputs = [record(1, 1).input, record(2, 1).input];
    expect(await listQuarantineInputs(store, 'tokens', KEY)).toEqual(new Set(inputs));
    const byInput = [record(1, 2), record(2, 1)].sort((a, b) => (a.input < b.input ? -1 : 1));
    expect(await listQuarantine(store, 'tokens', KEY)).toEqual(byInput);
    await deleteQuarantine(store, record(1, 2));
    await deleteQuarantine(store, record(1, 2));
    expect(await listQuarantine(store, 'tokens', KEY)).toEqual([record(2, 1)]);
  });
});

describe('pre-images of keys', () => {
  const preimage = { stage: 'tokens', stageVersion: 3, config: { b: 1, a: [2] }, inputs: null };

  it('are stored under the key that is their digest', async () => {
    const store = createMemoryStore();
    const key = await putKeyPreimage(store, preimage);
    expect(key).toBe(sha256Hex('{"config":{"a":[2],"b":1},"inputs":null,"stage":"tokens","stageVersion":3}'));
    expect(await putKeyPreimage(store, preimage)).toBe(key);
    expect(await getKeyPreimage(store, 'tokens', key)).toEqual(preimage);
    expect(await getKeyPreimage(store, 'train', key)).toBeNull();
  });

  it('cannot be changed unseen', async () => {
    const store = createMemoryStore();
    const key = await putKeyPreimage(store, preimage);
    await store.put(`keys/tokens/${key}.json`, Buffer.from('{"config":{}}'));
    const error = await failureOf(getKeyPreimage(store, 'tokens', key));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(new RegExp(`${key} in keys/tokens/.*delete it`, 's'));
  });
});
