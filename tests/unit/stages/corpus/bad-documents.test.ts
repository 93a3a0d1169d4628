// Every bad document and every damaged part is named by file and line; skipped ones are counted.
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../../../schemas/errors.js';
import { compressZstd } from './zstd-file.js';
import { failureOf } from '../../../harness/failure-of.js';
import { folderWith, jsonLines, runPart, runSource } from './run-part.js';

const documents = Array.from({ length: 300 }, (_, i) => ({
  id: `doc-${i}`,
  text: `text number ${i} ${'é'.repeat(i % 50)}`,
  n: i,
}));

type Case = readonly [name: string, line: string, message: RegExp, details: Record<string, unknown>];

describe('a bad document', () => {
  const good = { id: 'good', text: 'fine' };
  const cases: readonly Case[] = [
    [
      'broken JSON',
      '{"id": "b", "text": \n',
      /a\.jsonl:2: expected a JSON object on the line, found \d+ bytes that are none/,
      { line: 2, reason: 'brokenJson', excerpt: '{"id": "b", "text": ' },
    ],
    [
      'a line that is no object',
      '[1, 2]\n',
      /a\.jsonl:2: expected a JSON object on the line, found a list of 2/,
      { reason: 'notAnObject' },
    ],
    [
      'a value nested 200,000 levels deep',
      `{"id": "b", "text": "x", "deep": ${'['.repeat(200_000)}${']'.repeat(200_000)}}\n`,
      /a\.jsonl:2: expected a JSON object on the line of at most 1000 levels, found a value that is nested more deeply/,
      { line: 2, reason: 'tooDeep' },
    ],
    [
      'numbers with many digits 200,000 levels deep',
      `{"id": "b", "text": "x", "deep": ${'{"n":12345678901234567890,"a":'.repeat(200_000)}1${'}'.repeat(200_000)}}\n`,
      /a\.jsonl:2: expected a JSON object on the line of at most 1000 levels/,
      { line: 2, reason: 'tooDeep' },
    ],
    [
      'a text that stands twice',
      '{"id": "b", "text": "x", "text": "y"}\n',
      /a\.jsonl:2: expected every member of a JSON object on the line once, found "text" twice/,
      { line: 2, reason: 'repeatedMember', member: 'text' },
    ],
    [
      'a member twice in its other fields',
      '{"id": "b", "text": "x", "deep": [{"a": 1, "n": {"b": 1, "\\u0062": 2}}]}\n',
      /a\.jsonl:2: expected every member .* once, found "deep\.n\.b" twice/,
      { line: 2, reason: 'repeatedMember', member: 'deep.n.b' },
    ],
    [
      'a missing id',
      '{"text": "x", "name": 1}\n',
      /a\.jsonl:2: expected field "id" to be a string .* found nothing \(it has "text", "name"\)/,
      { reason: 'badId', field: 'id' },
    ],
    [
      'an id that is a list',
      '{"id": [7], "text": "x"}\n',
      /field "id" to be a string of 1 to 4096 bytes or a number, found a list of 1/,
      { reason: 'badId', excerpt: '[7]' },
    ],
    ['an empty id', '{"id": "", "text": "x"}\n', /field "id" .*, found an empty string/, { reason: 'badId' }],
    [
      'a missing text',
      '{"id": "b"}\n',
      /field "text" to be a string that is not empty, found nothing/,
      { reason: 'badText' },
    ],
    ['an empty text', '{"id": "b", "text": ""}\n', /field "text" .*, found an empty string/, { reason: 'badText' }],
    [
      'a text that is a list',
      '{"id": "b", "text": ["x"]}\n',
      /field "text" .*, found a list of 1/,
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

  it.each(cases)('with %s stops the part, naming file and line', async (...[, line, message, details]: Case) => {
    const folder = await folderWith({ 'a.jsonl': jsonLines([good]) + line });
    const error = await failureOf(runSource(folder, 'a.jsonl'));
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('corpus.onBadDocument: skip');
    expect(error.details).toMatchObject(details);
  });

  it.each(cases)('with %s is left out and counted where skip is set', async (...[, line, message, details]: Case) => {
    const folder = await folderWith({ 'a.jsonl': jsonLines([good]) + line });
    const { statistics, shards } = await runSource(folder, 'a.jsonl', { onBadDocument: 'skip' });
    expect([...shards.values()].flat().map((row) => row.text)).toEqual(['fine']);
    expect(Object.values(statistics.skipped)).toEqual([1]);
    if ('reason' in details) expect(Object.keys(statistics.skipped)).toEqual([details['reason']]);
    expect(statistics.skippedExamples).toHaveLength(1);
    expect(statistics.skippedExamples[0]).toMatch(message);
    expect(statistics.textBytes).toBe(4);
  });

  it('with invalid UTF-8 is named by line and byte offset', async () => {
    const lines = Buffer.concat([
      Buffer.from('{"id":"a","text":"é"}\n'),
      Buffer.from('{"id":"b","text":"'),
      Buffer.from([0xc3, 0xa9, 0xc3, 0x28]),
      Buffer.from('"}\n'),
    ]);
    const folder = await folderWith({ 'a.jsonl': lines });
    const error = await failureOf(runSource(folder, 'a.jsonl'));
    // 23 bytes of the first line, 18 before the text, 2 of a good é.
    expect(error.message).toContain('a.jsonl:2: expected UTF-8, found byte 0xc3 at byte offset 43');
    expect(error.details).toMatchObject({ line: 2, byteOffset: 43 });
  });

  it('with an unknown split is named', async () => {
    const folder = await folderWith({
      'a.jsonl': jsonLines([{ id: 'a', text: 'x', split: 'train' }]),
    });
    const error = await failureOf(runSource(folder, 'a.jsonl', { split: { field: 'split' } }));
    expect(error.message).toMatch(
      /a\.jsonl:1: expected field "split" of document "a" to be "fit", "calib" or "test", found "train"/,
    );
    expect(error.details).toMatchObject({ id: 'a', excerpt: '"train"', line: 1 });
  });

  it('with the id of another split is found too', async () => {
    const twice = [
      { id: 'a', text: 'x', split: 'fit' },
      { id: 'b', text: 'y', split: 'fit' },
      { id: 'a', text: 'z', split: 'test' },
    ];
    const folder = await folderWith({ 'a.jsonl': jsonLines(twice) });
    const error = await failureOf(runSource(folder, 'a.jsonl', { split: { field: 'split' } }));
    expect(error.message).toContain('found "a" on lines 1 and 3');
  });
});

describe('a damaged part', () => {
  const content = jsonLines(documents);

  it('that is a truncated gzip file fails with the last whole line, also where skip is set', async () => {
    const whole = gzipSync(content);
    const folder = await folderWith({ 'a.jsonl.gz': whole.subarray(0, whole.length - 200) });
    for (const onBadDocument of ['fail', 'skip'] as const) {
      const error = await failureOf(runSource(folder, 'a.jsonl.gz', { onBadDocument }));
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
    const error = await failureOf(runSource(folder, 'a.jsonl.gz'));
    expect(error.message).toMatch(/a\.jsonl\.gz is damaged \(incorrect data check\)/);
  });

  it('that only has the name of a gzip file fails', async () => {
    const folder = await folderWith({ 'a.jsonl.gz': content });
    const error = await failureOf(runSource(folder, 'a.jsonl.gz'));
    expect(error.message).toMatch(/a\.jsonl\.gz is damaged \(incorrect header check\)/);
  });

  it('that is a truncated zstd file fails', async () => {
    const whole = await compressZstd(Buffer.from(content));
    const folder = await folderWith({ 'a.jsonl.zst': whole.subarray(0, whole.length - 50) });
    const error = await failureOf(runSource(folder, 'a.jsonl.zst'));
    expect(error.message).toMatch(/a\.jsonl\.zst is truncated/);
  });

  it('that changed since the plan fails, with both digests', async () => {
    const folder = await folderWith({ 'a.jsonl': content });
    const { part } = await runSource(folder, 'a.jsonl');
    const error = await failureOf(runPart({ ...part, digest: '0'.repeat(64) }));
    expect(error.message).toMatch(
      /Expected .*a\.jsonl as it was when the run was planned \(sha256 0000000000000000…\), found other bytes/,
    );
    expect(error.details).toMatchObject({ found: part.digest });
  });

  it('that is gone since the plan fails', async () => {
    const folder = await folderWith({ 'a.jsonl': content });
    const { part } = await runSource(folder, 'a.jsonl');
    const error = await failureOf(runPart({ ...part, location: path.join(folder, 'gone.jsonl') }));
    expect(error.message).toMatch(/gone\.jsonl, which was there when the run was planned, got ENOENT/);
  });

  it('without any document fails, and gives no shard where skip is set', async () => {
    // Longer than what is looked at when sources are listed.
    const folder = await folderWith({ 'a.jsonl': '  \n'.repeat(30_000), 'b.jsonl': '{"id":1}\n' });
    const error = await failureOf(runSource(folder, 'a.jsonl'));
    expect(error.message).toMatch(/Expected at least one document in .*a\.jsonl, found none/);
    const { statistics } = await runSource(folder, 'b.jsonl', { onBadDocument: 'skip' });
    expect(statistics.shards).toEqual([]);
    expect(statistics.skipped).toEqual({ badText: 1 });
  });
});
