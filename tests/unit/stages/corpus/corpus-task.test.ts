// The corpus task: documents of a part become shards in hash order, whatever the file's order and compression.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { documentHash } from '../../../../core/corpus/document-hash.js';
import { shardCount, shardOf } from '../../../../core/corpus/shard-plan.js';
import { splitByHash } from '../../../../core/corpus/split-rule.js';
import { TINY_LM } from '../../../harness/fixtures.js';
import { compressZstd } from './zstd-file.js';
import { failureOf } from '../../../harness/failure-of.js';
import { folderWith, jsonLines, runSource } from './run-part.js';

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
      const own = documents.filter((d) => splitByHash({ fit: 0.9, calib: 0.05, test: 0.05 }, 0, d.id) === split);
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
    expect(rows).toEqual([{ id: 'a', text: 'x\u0000 é 😀', meta: '{"book":"Genesis","list":[1,{"b":null}]}' }]);
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
    const { statistics } = await runSource(TINY_LM, 'corpus.jsonl.gz', { split: { field: 'split' } });
    expect(readFileSync(`${TINY_LM}/corpus.jsonl.gz`).length).toBeGreaterThan(0);
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
    const empty = await failureOf(runSource(folder, 'e'));
    expect(empty.message).toMatch(/e\/b\.txt:1: expected field "text" to be a string that is not empty/);
    const bytes = await failureOf(runSource(folder, 'u'));
    expect(bytes.message).toMatch(/u\/a\.txt:2: expected UTF-8, found byte 0xff at byte offset 6/);
  });
});
