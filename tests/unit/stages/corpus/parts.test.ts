// Sources to parts: order, kinds, digests, and what a wrong source is told before anything is written.
import { createHash } from 'node:crypto';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../../core/identity/digest.js';
import { InputError } from '../../../../schemas/errors.js';
import { formatOf } from '../../../../stages/corpus/formats.js';
import { globPattern, globRoot } from '../../../../stages/corpus/glob.js';
import { checkFirstRecord } from '../../../../stages/corpus/first-record.js';
import { listParts } from '../../../../stages/corpus/parts.js';
import { planParts } from '../../../../stages/corpus/plan.js';
import type { Part } from '../../../../schemas/stored.js';
import { openMemoryStore } from '../../../../storage/objects/memory-store.js';
import { failureOf } from '../../../harness/failure-of.js';
import { CONFIG, folderWith, jsonLines } from './run-part.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const list = (folder: string, sources: string[], format: 'auto' | 'jsonl' | 'txt' = 'auto'): Promise<Part[]> =>
  listParts(sources, { baseFolder: folder, format });

describe('the parts of a corpus', () => {
  it('stand in the order of the sources, files of a folder in the order of their names', async () => {
    const folder = await folderWith({
      'z.jsonl': 'z',
      'dir/b.jsonl': 'b',
      'dir/B.jsonl.gz': 'B',
      'dir/sub/a.parquet': 'a',
      'dir/t/2.txt': '2',
      'dir/t/1.txt': '1',
      'dir/notes.md': 'no',
      'dir/.hidden.jsonl': 'no',
    });
    const parts = await list(folder, ['z.jsonl', 'dir']);
    const shown = parts.map((p) => `${path.relative(folder, p.location)} ${p.kind} ${p.format} ${p.compression}`);
    expect(shown).toEqual([
      'z.jsonl file jsonl none',
      'dir folder txt none',
      'dir/B.jsonl.gz file jsonl gzip',
      'dir/b.jsonl file jsonl none',
      'dir/sub/a.parquet file parquet none',
    ]);
    expect(parts[0]).toMatchObject({ digest: sha256('z'), bytes: 1 });
    expect(parts[1]?.digest).toBe(
      digestOf([
        ['t/1.txt', sha256('1')],
        ['t/2.txt', sha256('2')],
      ]),
    );
  });

  it('of a pattern are its matches in the order of their names', async () => {
    const folder = await folderWith({
      'd/a1.jsonl': '1',
      'd/a2.jsonl': '2',
      'd/b.jsonl': '3',
      'd/e/a3.jsonl': '4',
    });
    const names = async (source: string): Promise<string[]> =>
      (await list(folder, [source])).map((p) => path.relative(folder, p.location));
    expect(await names('d/a*.jsonl')).toEqual(['d/a1.jsonl', 'd/a2.jsonl']);
    expect(await names('d/**/a?.jsonl')).toEqual(['d/a1.jsonl', 'd/a2.jsonl', 'd/e/a3.jsonl']);
    expect(await names('d/{b,a[2-9]}.jsonl')).toEqual(['d/a2.jsonl', 'd/b.jsonl']);
  });

  it('know the name of a single text, which is part of the digest', async () => {
    const folder = await folderWith({ 'x/a.txt': 'same', 'y/a.txt': 'same' });
    const parts = await list(folder, ['x/*.txt', 'y/a.txt']);
    expect(parts.map((p) => p.name)).toEqual(['x/a.txt', 'y/a.txt']);
    expect(parts[0]?.digest).not.toBe(parts[1]?.digest);
  });

  it('may have any name where the format is given', async () => {
    const folder = await folderWith({ 'data.log': '{}', 'data.log.gz': gzipSync('{"a":1}') });
    const parts = await list(folder, ['data.log', 'data.log.gz'], 'jsonl');
    expect(parts.map((p) => [p.format, p.compression])).toEqual([
      ['jsonl', 'none'],
      ['jsonl', 'gzip'],
    ]);
  });

  it('of an s3:// prefix are its objects, or its texts as one part', async () => {
    const store = openMemoryStore('memory://parts-of-a-prefix');
    for (const key of ['in/c.jsonl', 'in/b.jsonl.gz', 'in/t/x.txt', 'in/t/y.txt', 'inside.jsonl', 'in/readme']) {
      await store.putIfAbsent(key, Buffer.from(key));
    }
    const options = {
      baseFolder: '/',
      format: 'auto',
      openSource: () => Promise.resolve(store),
    } as const;
    const shown = async (source: string): Promise<string[]> =>
      (await listParts([source], options)).map((p) => `${p.location} ${p.kind} ${p.bytes}`);
    expect(await shown('s3://bucket/in/')).toEqual([
      's3://bucket/in/ folder 20',
      's3://bucket/in/b.jsonl.gz file 13',
      's3://bucket/in/c.jsonl file 10',
    ]);
    expect(await shown('s3://bucket/in/c.jsonl')).toEqual(['s3://bucket/in/c.jsonl file 10']);
    expect(await shown('s3://bucket/in/*.jsonl')).toEqual(['s3://bucket/in/c.jsonl file 10']);
    const error = await failureOf(shown('s3://bucket/nothing/'));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain('s3://bucket/nothing/, there is no file of a known kind');
  });

  it('become one item each, named by their content', async () => {
    const folder = await folderWith({ 'a.jsonl': 'a'.repeat(9), 'b.jsonl': 'b' });
    const parts = await list(folder, ['a.jsonl', 'b.jsonl']);
    const items = planParts('key', parts);
    expect(items.map((item) => [item.shard, item.size, item.keys])).toEqual(
      parts.map((p, i) => [p.digest.slice(0, 16), i === 0 ? 3 : 1, ['key']]),
    );
    expect(items[0]?.inputs).toEqual({
      part: sha256('a'.repeat(9)),
      format: 'jsonl',
      compression: 'none',
    });
    expect(items[0]?.input).toBe(digestOf(items[0]?.inputs));
  });
});

describe('a wrong source', () => {
  type Case = readonly [string, Record<string, string>, string[], RegExp];
  const cases: readonly Case[] = [
    [
      'that is missing',
      {},
      ['no.jsonl'],
      /corpus\.sources: expected a readable file or folder .*no\.jsonl, found no such file; correct the path/,
    ],
    [
      'that is empty',
      { 'a.jsonl': '' },
      ['a.jsonl'],
      /expected documents in .*a\.jsonl, found a file without a single record/,
    ],
    [
      'of an unknown kind',
      { 'a.csv': 'x' },
      ['a.csv'],
      /expected a file named \.jsonl.*, found .*a\.csv; rename it, or set corpus\.format/,
    ],
    ['that is compressed Parquet', { 'a.parquet.gz': 'x' }, ['a.parquet.gz'], /found .*a\.parquet\.gz/],
    [
      'that matches nothing',
      { 'a.jsonl': 'x' },
      ['b*.jsonl'],
      /at b\*\.jsonl, the pattern matches nothing \(relative to /,
    ],
    ['that is a folder without known files', { 'd/a.md': 'x' }, ['d'], /at d, there is no file of a known kind/],
    [
      'that is given twice',
      { 'a.jsonl': 'x', 'b.jsonl': 'x' },
      ['a.jsonl', 'b.jsonl'],
      /found the same content in .*a\.jsonl and .*b\.jsonl; remove one/,
    ],
  ];

  it.each(cases)('%s is refused with its name', async (...[, files, sources, message]: Case) => {
    const folder = await folderWith(files);
    const error = await failureOf(list(folder, sources));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(message);
    expect(error.details).toMatchObject({ field: 'corpus.sources' });
  });

  it('that cannot be opened is refused with its name', async () => {
    const folder = await folderWith({});
    await symlink('loop.jsonl', path.join(folder, 'loop.jsonl'));
    const error = await failureOf(list(folder, ['loop.jsonl']));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(
      /found the link .*loop\.jsonl to loop\.jsonl, which leads in a circle; correct the link/,
    );
  });

  it('in a pattern whose folder is missing is refused', async () => {
    const folder = await folderWith({});
    await mkdir(path.join(folder, 'there'));
    const error = await failureOf(list(folder, ['gone/*.jsonl']));
    expect(error.message).toMatch(/gone, found no such file/);
  });
});

describe('the first record of a part', () => {
  const check = async (name: string, content: string | Uint8Array, changes = {}): Promise<void> => {
    const folder = await folderWith({ [name]: content });
    const options = { baseFolder: folder, format: 'auto' } as const;
    const [part] = await listParts([name], options);
    if (part) await checkFirstRecord(part, { ...CONFIG, ...changes }, options);
  };

  it('passes where it is a document', async () => {
    await expect(check('a.jsonl', `${jsonLines([{ id: 'a', text: 'x' }])}{broken`)).resolves.toBeUndefined();
    await expect(check('a.txt', 'text')).resolves.toBeUndefined();
  });

  it('is refused with file, line, fields and remedy, as a mistake of the input', async () => {
    const error = await failureOf(check('a.jsonl', `\n${jsonLines([{ name: 'a', content: 'x' }])}`));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(
      /a\.jsonl:2: expected field "id" to be a string .*found nothing \(it has "name", "content"\); correct the file, or corpus\.id/,
    );
  });

  it('that cannot be decompressed is a mistake of the input', async () => {
    const error = await failureOf(check('a.jsonl.gz', 'plain text'));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/a\.jsonl\.gz is damaged/);
  });

  it('that is not there is a mistake of the input', async () => {
    const error = await failureOf(check('a.jsonl', '\n\n'));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/expected documents in .*a\.jsonl, found a file without a single record/);
  });

  it('may be bad where bad ones are skipped, if another one is good', async () => {
    const lines = jsonLines([{ id: true }, { id: 'a', text: 'x' }]);
    await expect(check('a.jsonl', lines, { onBadDocument: 'skip' })).resolves.toBeUndefined();
  });

  it('where all that would be skipped is said to leave none', async () => {
    const skip = { onBadDocument: 'skip' };
    const one = await failureOf(check('a.jsonl', jsonLines([{ id: 1 }]), skip));
    expect(one).toBeInstanceOf(InputError);
    expect(one.message).toMatch(
      /a\.jsonl:1: expected a document that can be taken, found one record that would be skipped; here expected/,
    );
    const two = await failureOf(check('a.jsonl', jsonLines([{ id: 1 }, { id: 2 }]), skip));
    expect(two.message).toMatch(
      /a\.jsonl:1: .*, found 2 records that all would be skipped; here expected field "text"/,
    );
  });

  it('of a file that is no Parquet is a mistake of the input', async () => {
    const error = await failureOf(check('a.parquet', 'nothing of the kind'));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/Expected a Parquet file, .*a\.parquet cannot be read as one/);
  });
});

describe('names', () => {
  it('tell format and compression', () => {
    expect(formatOf('x/a.b.JSONL.GZ', 'auto')).toEqual({ format: 'jsonl', compression: 'gzip' });
    expect(formatOf('a.json.zst', 'auto')).toEqual({ format: 'jsonl', compression: 'zstd' });
    expect(formatOf('gz', 'auto')).toBeNull();
    expect(formatOf('a.gz', 'auto')).toBeNull();
  });

  it('match patterns as a shell does', () => {
    const matches = (pattern: string, name: string): boolean => globPattern(pattern).test(name);
    expect(matches('a/*.txt', 'a/b.txt')).toBe(true);
    expect(matches('a/*.txt', 'a/.b.txt')).toBe(false);
    expect(matches('a/*.txt', 'a/b/c.txt')).toBe(false);
    expect(matches('a/**/c.txt', 'a/c.txt')).toBe(true);
    expect(matches('a/**/c.txt', 'a/b/d/c.txt')).toBe(true);
    expect(matches('[!a]b(1).txt', 'cb(1).txt')).toBe(true);
    expect(matches('[!a]b(1).txt', 'ab(1).txt')).toBe(false);
    expect(matches('{a,b}.txt', 'b.txt')).toBe(true);
    expect(globRoot('/data/in/*/x.txt')).toBe('/data/in');
  });
});
