// Sources as users have them: links, names with brackets, empty files among good ones, ids that are numbers or absent, nested
// fields. What is left out or made is said; nothing is left out in silence.
import { cp, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../../schemas/errors.js';
import { checkFirstRecord } from '../../../../stages/corpus/first-record.js';
import { listParts } from '../../../../stages/corpus/parts.js';
import type { Part } from '../../../../schemas/stored.js';
import { openMemoryStore } from '../../../../storage/objects/memory-store.js';
import { failureOf } from '../../../harness/failure-of.js';
import { CONFIG, folderWith, jsonLines, runPart } from './run-part.js';

const CASES = 'tests/cases/data';

interface Listed {
  readonly names: readonly string[];
  readonly notes: readonly string[];
  readonly parts: readonly Part[];
}

async function list(folder: string, sources: readonly string[]): Promise<Listed> {
  const notes: string[] = [];
  const options = {
    baseFolder: folder,
    format: 'auto',
    idField: 'id',
    onNote: (note: string) => notes.push(note),
  } as const;
  const parts = await listParts(sources, options);
  return { parts, notes, names: parts.map((part) => path.relative(folder, part.location)) };
}

type Row = Readonly<Record<'id' | 'text' | 'meta', string>>;

async function documents(parts: readonly Part[], changes: Parameters<typeof runPart>[1] = {}): Promise<Row[]> {
  const rows: Row[] = [];
  for (const part of parts) rows.push(...[...(await runPart(part, changes)).shards.values()].flat());
  return rows;
}

describe('links', () => {
  it.each([['corpus'], ['corpus/**/*.jsonl']])('below %s are followed: 41 documents, not 1', async (source) => {
    const folder = await folderWith({});
    await cp(path.join(CASES, 'n-symlink'), folder, { recursive: true });
    await symlink('../real', path.join(folder, 'corpus/shard0'));
    const { parts, names } = await list(folder, [source]);
    expect(names).toEqual(['corpus/c.jsonl', 'corpus/shard0/a.jsonl', 'corpus/shard0/b.jsonl']);
    expect(await documents(parts)).toHaveLength(41);
  });

  it('in a circle, and to folders that are read already, end and are said', async () => {
    const folder = await folderWith({ 'd/z/a.jsonl': '{"id":"a"}' });
    await symlink('..', path.join(folder, 'd/z/up'));
    await symlink('z', path.join(folder, 'd/again'));
    const { names, notes } = await list(folder, ['d']);
    expect(names).toEqual(['d/z/a.jsonl']);
    expect(notes).toEqual(['corpus.sources: d leaves out 2 link to a folder that is read already (again, z/up).']);
  });

  it('to texts are texts, and one that leads nowhere is refused with its name', async () => {
    const folder = await folderWith({ 'real/x.txt': 'x', 'd/y.txt': 'y' });
    await symlink('../real', path.join(folder, 'd/linked'));
    expect((await documents((await list(folder, ['d'])).parts)).map(({ id }) => id).sort()).toEqual([
      'linked/x.txt',
      'y.txt',
    ]);
    await symlink('gone', path.join(folder, 'd/no.txt'));
    expect((await failureOf(list(folder, ['d']))).message).toMatch(/no\.txt/);
  });
});

describe('what a folder or prefix leaves out', () => {
  it('is counted and named, hidden files and unknown kinds', async () => {
    const folder = await folderWith({ 'd/a.jsonl': '{"id":"a"}', 'd/b.csv': '', 'd/e/c.md': '', 'd/.DS_Store': '' });
    expect((await list(folder, ['d'])).notes).toEqual([
      'corpus.sources: d leaves out 2 of unknown kind (b.csv, e/c.md); 1 hidden (.DS_Store).',
    ]);
    const store = openMemoryStore('memory://left-out');
    for (const key of ['in/a.jsonl', 'in/b.csv']) await store.putIfAbsent(key, Buffer.from('{"id":"a"}'));
    const notes: string[] = [];
    const openSource = (): Promise<typeof store> => Promise.resolve(store);
    await listParts(['s3://b/in'], { baseFolder: '/', format: 'auto', openSource, onNote: (note) => notes.push(note) });
    expect(notes).toEqual(['corpus.sources: s3://b/in leaves out 1 of unknown kind (b.csv).']);
  });
});

describe('names with brackets', () => {
  it('that exist are names, in a source and in the folder of the run file', async () => {
    expect((await list(`${CASES}/e-br-file`, ['texts[1].jsonl'])).names).toEqual(['texts[1].jsonl']);
    expect((await list(`${CASES}/e-br-dir/proj2 [v2]`, ['part-0.jsonl'])).names).toEqual(['part-0.jsonl']);
    expect((await list(`${CASES}/e-br-dir/proj [v2] {a,b}`, ['part-*.jsonl'])).names).toEqual([
      'part-0.jsonl',
      'part-1.jsonl',
    ]);
    expect((await list(`${CASES}/e-br-dir`, ['proj [v2] {a,b}/part-*.jsonl'])).names).toHaveLength(2);
    expect((await list(`${CASES}/e-br-dir`, [path.resolve(`${CASES}/e-br-dir/proj2 [v2]`)])).names).toHaveLength(1);
  });

  it('that do not exist are patterns, also from the root', async () => {
    const folder = await folderWith({ 'a1.jsonl': '{"id":"1"}', 'a2.jsonl': '{"id":"2"}' });
    expect((await list(folder, ['a[12].jsonl'])).names).toEqual(['a1.jsonl', 'a2.jsonl']);
    expect((await list('/', [`${folder}/./a[1].jsonl`])).parts).toHaveLength(1);
  });

  it('in S3 are names where there is such an object or prefix', async () => {
    const store = openMemoryStore('memory://brackets');
    for (const key of ['in[1]/a.jsonl', 'x[1].jsonl', 'x1.jsonl']) await store.putIfAbsent(key, Buffer.from(key));
    const openSource = (): Promise<typeof store> => Promise.resolve(store);
    const of = async (source: string): Promise<string[]> =>
      (await listParts([source], { baseFolder: '/', format: 'auto', openSource })).map(({ location }) => location);
    expect(await of('s3://b/in[1]')).toEqual(['s3://b/in[1]/a.jsonl']);
    expect(await of('s3://b/x[1].jsonl')).toEqual(['s3://b/x[1].jsonl']);
    expect(await of('s3://b/x[1-9].jsonl')).toEqual(['s3://b/x1.jsonl']);
  });
});

describe('files without a document', () => {
  it.each([
    ['f-empty-shard', '*.jsonl', '00001.jsonl', 2],
    ['f-empty-gz-skip', '*.jsonl.gz', '00001.jsonl.gz', 2],
    ['p-empty-first', '*.parquet', 'a.parquet', 1],
  ] as const)('among good ones (%s) count as none, and are named', async (...[name, source, empty, good]) => {
    const { parts, notes } = await list(path.join(CASES, name), [source]);
    expect(parts).toHaveLength(good);
    expect(notes).toEqual([
      expect.stringMatching(
        new RegExp(`^corpus\\.sources: 1 file has no document and is left out \\(.*${empty}\\)\\.$`),
      ),
    ]);
  });

  it('alone are refused, of whatever kind', async () => {
    const folder = await folderWith({ 'a.jsonl': '\n \n', 'b.jsonl.gz': gzipSync(''), 'c.txt': '' });
    const error = await failureOf(list(folder, ['a.jsonl', 'b.jsonl.gz', 'c.txt']));
    expect(error.message).toMatch(
      /expected documents in .*a\.jsonl, .*b\.jsonl\.gz, .*c\.txt, found files without a single record/,
    );
  });
});

describe('ids', () => {
  it('that are numbers are their digits, in JSON lines and Parquet', async () => {
    const lines = await list(path.join(CASES, 'g-int-id'), ['x.jsonl']);
    expect((await documents(lines.parts)).map(({ id }) => id).sort()[0]).toBe('0');
    expect(lines.notes).toEqual([]);
    const parquet = await list(path.join(CASES, 'p-intid'), ['x.parquet']);
    expect((await documents(parquet.parts)).map(({ id }) => id)).toContain('7');
    const folder = await folderWith({ 'a.jsonl': '{"id":1285704473650888702,"text":"x"}\n{"id":1.50,"text":"y"}\n' });
    const rows = await documents((await list(folder, ['a.jsonl'])).parts);
    expect(rows.map(({ id }) => id).sort()).toEqual(['1.5', '1285704473650888702']);
  });

  it('that are absent are path and row, said once, and belong to the identity of the part', async () => {
    const { parts, notes } = await list(path.join(CASES, 'g-no-id'), ['x.jsonl']);
    expect(notes).toEqual([
      'x.jsonl has no field "id": documents are named by path and row (x.jsonl:1); set corpus.id for a field of theirs.',
    ]);
    const rows = await documents(parts);
    expect(rows.map(({ id }) => id)).toContain('x.jsonl:1');
    expect(rows[0]?.meta).toBe('{"meta":{"pile_set_name":"x"}}');
    const folder = await folderWith({});
    await mkdir(path.join(folder, 'sub'));
    await cp(path.join(CASES, 'g-no-id/x.jsonl'), path.join(folder, 'sub/x.jsonl'));
    const [moved] = (await list(folder, ['sub'])).parts;
    expect(moved?.digest).not.toBe(parts[0]?.digest);
    expect((await documents(moved ? [moved] : [])).map(({ id }) => id)).toContain('sub/x.jsonl:1');
  });

  it('that only some records lack are bad documents, as before, and change no digest', async () => {
    const folder = await folderWith({ 'a.jsonl': '{"id":"a","text":"x"}\n{"text":"y"}\n' });
    const { parts, notes } = await list(folder, ['a.jsonl']);
    expect([notes, parts[0]?.name]).toEqual([[], undefined]);
    expect((await failureOf(documents(parts))).message).toMatch(/a\.jsonl:2: expected field "id"/);
  });
});

describe('nested fields', () => {
  it('are read by their path and stand no longer in meta', async () => {
    const { parts } = await list(path.join(CASES, 'g-nested'), ['x.jsonl']);
    const rows = await documents(parts, { textField: 'document.content' });
    expect(rows.find(({ id }) => id === 'd0')).toMatchObject({
      text: expect.stringMatching(/^tree with; not land/) as string,
      meta: '{"document":{}}',
    });
    const folder = await folderWith({
      'a.jsonl': jsonLines([{ 'm.id': 'own name', m: { id: 'no', t: { x: 'text' }, split: 'calib', keep: 1 } }]),
    });
    const deep = await documents((await list(folder, ['a.jsonl'])).parts, {
      idField: 'm.id',
      textField: 'm.t.x',
      split: { field: 'm.split' },
    });
    expect(deep).toEqual([{ id: 'own name', text: 'text', meta: '{"m":{"id":"no","t":{},"keep":1}}' }]);
  });
});

describe('the first row of a Parquet part', () => {
  it('is checked before the start', async () => {
    const { parts } = await list(path.join(CASES, 'p-intid'), ['x.parquet']);
    const [part] = parts as readonly [Part];
    const options = { baseFolder: '/', format: 'auto' } as const;
    await expect(checkFirstRecord(part, CONFIG, options)).resolves.toBeUndefined();
    const wrong = await failureOf(checkFirstRecord(part, { ...CONFIG, textField: 'id' }, options));
    expect(wrong.message).toMatch(/x\.parquet:1: expected field "id" to be a string that is not empty, found/);
    expect(wrong.exitCode).toBe(2);
  });
});

it('a link that leads nowhere is named with its target and what to do, whether it is given or found in a folder', async () => {
  const folder = await folderWith({ 'in/a.jsonl': '{"id":"a","text":"x"}\n' });
  await symlink('../gone/b.jsonl', path.join(folder, 'in', 'b.jsonl'));
  for (const source of ['in', 'in/b.jsonl', 'in/*.jsonl']) {
    const error = await failureOf(listParts([source], { baseFolder: folder, format: 'auto' }));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(
      /found the link .*in\/b\.jsonl to \.\.\/gone\/b\.jsonl, where nothing is; put the target there, or remove the link/,
    );
  }
});
