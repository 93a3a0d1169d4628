// The corpus task: documents of a part become shards in hash order, and every bad one is named by file and line.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { documentHash } from '../../../core/corpus/document-hash.js';
import { shardCount, shardOf } from '../../../core/corpus/shard-plan.js';
import { splitByHash } from '../../../core/corpus/split-rule.js';
import { DataError } from '../../../schemas/errors.js';
import { compressZstd } from './zstd-file.js';
import { folderWith, jsonLines, rejection, runPart, runSource } from './run-part.js';

const documents = Array.from({ length: 300 }, (_, i) => ({
  id: `doc-${i}`,
  text: `text number ${i} ${'é'.repeat(i % 50)}`,
  n: i,
}));

describe('the shards of a part', () => {
  it('hold every document once, by split, shard and hash as the rules say', async () => {
    const folder = await folderWith({ 'a.jsonl': jsonLines(documents) });
    const { shards, statistics, part } = await runSource(folder, 'a.jsonl', { shardTokens: 300 });
    const order: string[] = [];
    for (const split of ['fit', 'calib', 'test'] as const) {
      const own = documents.filter(
        (d) => splitByHash({ fit: 0.9, calib: 0.05, test: 0.05 }, 0, d.id) === split,
      );
      const bytes = own.reduce((sum, d) => sum + Buffer.byteLength(d.text), 0);
      const count = shardCount(own.length, bytes, 300);
      const hashOf = (d: { id: string }): number => documentHash('order', 0, d.id);
      own.sort((a, b) => hashOf(a) - hashOf(b));
      expect(statistics.splits[split]).toEqual({
        documents: own.length,
        textBytes: bytes,
        shards: count,
      });
      for (const d of own) {
        const index = String(shardOf(hashOf(d), count)).padStart(5, '0');
        order.push(`${part.digest.slice(0, 16)}-${split}-${index} ${d.id}`);
      }
    }
    const found = [...shards].flatMap(([name, rows]) => rows.map((row) => `${name} ${row.id}`));
    expect(found).toEqual(order);
    expect(statistics.shards.map((s) => s.name)).toEqual([...shards.keys()]);
    expect(statistics.shards.length).toBeGreaterThan(5);
    expect(statistics.documents).toBe(300);
  });

  it('keep the text as it is and the other fields as JSON', async () => {
    const document = {
      id: 'a',
      text: 'x\u0000 é 😀',
      book: 'Genesis',
      list: [1, { b: null }],
      split: 'test',
    };
    const folder = await folderWith({ 'a.jsonl': jsonLines([document]) });
    const { shards } = await runSource(folder, 'a.jsonl', { split: { field: 'split' } });
    const [[name, rows] = ['', []]] = shards;
    expect(name).toMatch(/-test-00000$/);
    expect(rows).toEqual([
      { id: 'a', text: 'x\u0000 é 😀', meta: '{"book":"Genesis","list":[1,{"b":null}]}' },
    ]);
  });

  it('are the same bytes from plain, gzip and zstd lines, in whatever order they stand, but for the name of the part', async () => {
    const text = jsonLines(documents);
    const folder = await folderWith({
      'a.jsonl': text,
      'b.jsonl.gz': gzipSync(text),
      'c.jsonl.zst': await compressZstd(Buffer.from(text)),
      'd.jsonl': jsonLines([...documents].reverse()),
    });
    const rows: unknown[] = [];
    for (const name of ['a.jsonl', 'b.jsonl.gz', 'c.jsonl.zst', 'd.jsonl']) {
      const { shards } = await runSource(folder, name, { shardTokens: 300 });
      rows.push([...shards.values()]);
    }
    expect(rows[1]).toEqual(rows[0]);
    expect(rows[2]).toEqual(rows[0]);
    expect(rows[3]).toEqual(rows[0]);
  });

  it('change with the run seed, but the splits do not', async () => {
    const folder = await folderWith({ 'a.jsonl': jsonLines(documents) });
    const first = await runSource(folder, 'a.jsonl', { shardTokens: 300, seed: 0 });
    const second = await runSource(folder, 'a.jsonl', { shardTokens: 300, seed: 1 });
    expect([...second.shards.values()]).not.toEqual([...first.shards.values()]);
    expect(second.statistics.splits).toEqual(first.statistics.splits);
  });

  it("follow the fixture corpus' own splits", async () => {
    const file = new URL('../../fixtures/tiny-lm/corpus.jsonl.gz', import.meta.url);
    const folder = path.dirname(file.pathname);
    const { statistics } = await runSource(folder, 'corpus.jsonl.gz', {
      split: { field: 'split' },
    });
    expect(readFileSync(file).length).toBeGreaterThan(0);
    expect(statistics.documents).toBe(1189);
    // Chapter index % 20 == 7 is test, 13 is calib: of 0 … 1188 there are 60 and 59.
    expect(statistics.splits.test.documents).toBe(60);
    expect(statistics.splits.calib.documents).toBe(59);
    const { documents: n, textBytes, shards } = statistics.splits.fit;
    expect(n).toBe(1070);
    expect(shards).toBe(Math.round(textBytes / (4 * 65_536)));
  });

  it('hold only the first documents where a limit is set', async () => {
    const folder = await folderWith({ 'a.jsonl': jsonLines(documents) });
    const { shards } = await runSource(folder, 'a.jsonl', { limitDocuments: 7 });
    const ids = [...shards.values()].flat().map((row) => row.id);
    expect(ids.sort()).toEqual(documents.slice(0, 7).map((d) => d.id));
  });
});

describe('a bad document', () => {
  const good = { id: 'good', text: 'fine' };
  const cases: readonly [string, string, RegExp, Record<string, unknown>][] = [
    [
      'broken JSON',
      '{"id": "b", "text": \n',
      /a\.jsonl:2: expected a JSON object on the line, found "\{\\"id\\": \\"b\\", \\"text\\": "/,
      { line: 2, reason: 'brokenJson' },
    ],
    [
      'a line that is no object',
      '[1, 2]\n',
      /a\.jsonl:2: expected a JSON object on the line, found \[1,2\]/,
      { reason: 'notAnObject' },
    ],
    [
      'a missing id',
      '{"text": "x", "name": 1}\n',
      /a\.jsonl:2: expected field "id" to be a string .* found nothing \(it has "text", "name"\)/,
      { reason: 'badId', field: 'id' },
    ],
    [
      'an id that is a number',
      '{"id": 7, "text": "x"}\n',
      /field "id" to be a string .*, found 7/,
      { value: '7' },
    ],
    ['an empty id', '{"id": "", "text": "x"}\n', /field "id" .*, found ""/, { reason: 'badId' }],
    [
      'a missing text',
      '{"id": "b"}\n',
      /field "text" to be a string that is not empty, found nothing/,
      { reason: 'badText' },
    ],
    [
      'an empty text',
      '{"id": "b", "text": ""}\n',
      /field "text" .*, found ""/,
      { reason: 'badText' },
    ],
    [
      'a text that is a list',
      '{"id": "b", "text": ["x"]}\n',
      /field "text" .*, found \["x"\]/,
      { reason: 'badText' },
    ],
    [
      'half a surrogate pair',
      '{"id": "b", "text": "x\\ud83d"}\n',
      /half of a surrogate pair in document "b"/,
      { id: 'b', reason: 'loneSurrogate' },
    ],
    [
      'a repeated id',
      '{"id": "good", "text": "x"}\n',
      /expected every document id once, found "good" on lines 1 and 2/,
      { lines: [1, 2], reason: 'duplicateId' },
    ],
  ];

  it.each(cases)(
    'with %s stops the part, naming file and line',
    async (_, line, message, details) => {
      const folder = await folderWith({ 'a.jsonl': jsonLines([good]) + line });
      const error = await rejection(runSource(folder, 'a.jsonl'));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toMatch(message);
      expect(error.message).toContain('corpus.onBadDocument: skip');
      expect(error.details).toMatchObject(details);
    },
  );

  it.each(cases)(
    'with %s is left out and counted where skip is set',
    async (_, line, message, details) => {
      const folder = await folderWith({ 'a.jsonl': jsonLines([good]) + line });
      const { statistics, shards } = await runSource(folder, 'a.jsonl', { onBadDocument: 'skip' });
      expect([...shards.values()].flat().map((row) => row.text)).toEqual(['fine']);
      expect(Object.values(statistics.skipped)).toEqual([1]);
      if ('reason' in details) expect(Object.keys(statistics.skipped)).toEqual([details['reason']]);
      expect(statistics.skippedExamples).toHaveLength(1);
      expect(statistics.skippedExamples[0]).toMatch(message);
      expect(statistics.textBytes).toBe(4);
    },
  );

  it('with invalid UTF-8 is named by line and byte offset', async () => {
    const lines = Buffer.concat([
      Buffer.from('{"id":"a","text":"é"}\n'),
      Buffer.from('{"id":"b","text":"'),
      Buffer.from([0xc3, 0xa9, 0xc3, 0x28]),
      Buffer.from('"}\n'),
    ]);
    const folder = await folderWith({ 'a.jsonl': lines });
    const error = await rejection(runSource(folder, 'a.jsonl'));
    // 23 bytes of the first line, 18 before the text, 2 of a good é.
    expect(error.message).toContain('a.jsonl:2: expected UTF-8, found byte 0xc3 at byte offset 43');
    expect(error.details).toMatchObject({ line: 2, byteOffset: 43 });
  });

  it('with an unknown split is named', async () => {
    const folder = await folderWith({
      'a.jsonl': jsonLines([{ id: 'a', text: 'x', split: 'train' }]),
    });
    const error = await rejection(runSource(folder, 'a.jsonl', { split: { field: 'split' } }));
    expect(error.message).toMatch(
      /a\.jsonl:1: expected field "split" of document "a" to be "fit", "calib" or "test", found "train"/,
    );
    expect(error.details).toMatchObject({ id: 'a', value: 'train', line: 1 });
  });

  it('with the id of another split is found too', async () => {
    const twice = [
      { id: 'a', text: 'x', split: 'fit' },
      { id: 'b', text: 'y', split: 'fit' },
      { id: 'a', text: 'z', split: 'test' },
    ];
    const folder = await folderWith({ 'a.jsonl': jsonLines(twice) });
    const error = await rejection(runSource(folder, 'a.jsonl', { split: { field: 'split' } }));
    expect(error.message).toContain('found "a" on lines 1 and 3');
  });
});

describe('a damaged part', () => {
  const content = jsonLines(documents);

  it('that is a truncated gzip file fails with the last whole line, also where skip is set', async () => {
    const whole = gzipSync(content);
    const folder = await folderWith({ 'a.jsonl.gz': whole.subarray(0, whole.length - 200) });
    for (const onBadDocument of ['fail', 'skip'] as const) {
      const error = await rejection(runSource(folder, 'a.jsonl.gz', { onBadDocument }));
      expect(error).toBeInstanceOf(DataError);
      expect(error.message).toMatch(/a\.jsonl\.gz is truncated; .* It broke off after line \d+\./);
      expect(error.details).toMatchObject({ truncated: true, compression: 'gzip' });
      expect(Number(error.details['line'])).toBeGreaterThan(0);
    }
  });

  it('that is a gzip file with a wrong checksum fails', async () => {
    const whole = gzipSync(content);
    whole.writeUInt32LE(1, whole.length - 8);
    const folder = await folderWith({ 'a.jsonl.gz': whole });
    const error = await rejection(runSource(folder, 'a.jsonl.gz'));
    expect(error.message).toMatch(/a\.jsonl\.gz is damaged \(incorrect data check\)/);
  });

  it('that only has the name of a gzip file fails', async () => {
    const folder = await folderWith({ 'a.jsonl.gz': content });
    const error = await rejection(runSource(folder, 'a.jsonl.gz'));
    expect(error.message).toMatch(/a\.jsonl\.gz is damaged \(incorrect header check\)/);
  });

  it('that is a truncated zstd file fails', async () => {
    const whole = await compressZstd(Buffer.from(content));
    const folder = await folderWith({ 'a.jsonl.zst': whole.subarray(0, whole.length - 50) });
    const error = await rejection(runSource(folder, 'a.jsonl.zst'));
    expect(error.message).toMatch(/a\.jsonl\.zst is truncated/);
  });

  it('that changed since the plan fails, with both digests', async () => {
    const folder = await folderWith({ 'a.jsonl': content });
    const { part } = await runSource(folder, 'a.jsonl');
    const error = await rejection(runPart({ ...part, digest: '0'.repeat(64) }));
    expect(error.message).toMatch(
      /Expected .*a\.jsonl as it was when the run was planned \(sha256 0000000000000000…\), found other bytes/,
    );
    expect(error.details).toMatchObject({ found: part.digest });
  });

  it('that is gone since the plan fails', async () => {
    const folder = await folderWith({ 'a.jsonl': content });
    const { part } = await runSource(folder, 'a.jsonl');
    const error = await rejection(runPart({ ...part, location: path.join(folder, 'gone.jsonl') }));
    expect(error.message).toMatch(
      /gone\.jsonl, which was there when the run was planned, got ENOENT/,
    );
  });

  it('without any document fails, and gives no shard where skip is set', async () => {
    const folder = await folderWith({ 'a.jsonl': '\n  \n', 'b.jsonl': '{"id":1}\n' });
    const error = await rejection(runSource(folder, 'a.jsonl'));
    expect(error.message).toMatch(/Expected at least one document in .*a\.jsonl, found none/);
    const { statistics } = await runSource(folder, 'b.jsonl', { onBadDocument: 'skip' });
    expect(statistics.shards).toEqual([]);
    expect(statistics.skipped).toEqual({ badId: 1 });
  });
});

describe('texts', () => {
  it('in a folder are documents named by their path', async () => {
    const folder = await folderWith({
      'texts/b.txt': 'second',
      'texts/a/x.txt.gz': gzipSync('deep'),
      'texts/.hidden.txt': 'no',
      'texts/readme.md': 'no',
    });
    const { shards, part } = await runSource(folder, 'texts');
    const rows = [...shards.values()].flat().sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(rows).toEqual([
      { id: 'a/x.txt.gz', text: 'deep', meta: '{}' },
      { id: 'b.txt', text: 'second', meta: '{}' },
    ]);
    expect(part).toMatchObject({ kind: 'folder', format: 'txt' });
  });

  it('that are empty or not UTF-8 are named by their file', async () => {
    const folder = await folderWith({
      'e/a.txt': 'x',
      'e/b.txt': '',
      'u/a.txt': Buffer.from('line\nx\xff', 'latin1'),
    });
    const empty = await rejection(runSource(folder, 'e'));
    expect(empty.message).toMatch(
      /e\/b\.txt:1: expected field "text" to be a string that is not empty/,
    );
    const bytes = await rejection(runSource(folder, 'u'));
    expect(bytes.message).toMatch(/u\/a\.txt:2: expected UTF-8, found byte 0xff at byte offset 6/);
  });
});
