// In a folder that has links and other people's files, a collection removes objects of the exact layout alone, each once, and names the
// rest.
import { mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256Hex } from '../../../../core/identity/digest.js';
import { collectGarbage, planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { createFileStore, type FileStore } from '../../../../storage/objects/file-store.js';
import { putDataBytes } from '../../../../storage/records/data-objects.js';
import { listRefs, setRef } from '../../../../storage/records/refs.js';
import { listRuns } from '../../../../storage/records/revisions.js';
import { putRunDocument } from '../../../../storage/records/runs.js';
import { listDatasets } from '../../../../storage/records/snapshots.js';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';
import { collect } from './sample-records.js';

const old = new Date(Date.now() - 48 * 3600_000);

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((e) => e.isFile()).map((e) => path.join(e.parentPath, e.name));
}

async function makeOld(...folders: string[]): Promise<void> {
  for (const folder of folders) for (const file of await filesUnder(folder)) await utimes(file, old, old);
}

async function storeIn(folder: string): Promise<{ store: FileStore; dataKey: string }> {
  const store = createFileStore(folder);
  const { key } = await putDataBytes(store, { bytes: Buffer.from('unused'), extension: 'arrow' });
  return { store, dataKey: key };
}

describe('a collection in a folder', () => {
  it('leaves files that links lead to and files that are not of the layout, and names them', async () => {
    const [folder, outside] = [temporaryFolderOfTest('layout'), temporaryFolderOfTest('photos')];
    const { store, dataKey } = await storeIn(folder);
    await mkdir(path.join(outside, 'deep'), { recursive: true });
    await writeFile(path.join(outside, 'deep', 'one.jpg'), 'a photo');
    await writeFile(path.join(outside, '000000000001.json'), '{}');
    const foreign: string[] = [];
    for (const kind of ['checkpoints', 'commits', 'data', 'keys', 'probe', 'quarantine']) {
      await mkdir(path.join(folder, kind), { recursive: true });
      await symlink(outside, path.join(folder, kind, 'album'));
      foreign.push(`${kind}/album/000000000001.json`, `${kind}/album/deep/one.jpg`);
    }
    // Names almost as Assay's: a digest in another folder, a step without its training, a wrong number.
    const near = [`data/zz/${'a'.repeat(64)}.arrow`, `data/00/${'a'.repeat(64)}.arrow`, 'refs/r/1.json'];
    for (const key of near) await store.put(key, Buffer.from('{}'));
    foreign.push(...near);
    await makeOld(folder, outside);
    const before = await filesUnder(outside);
    const plan = await planGarbage(store, { nowMs: Date.now() });
    expect(plan.keys).toEqual([dataKey]);
    expect([...plan.foreign].sort()).toEqual([...foreign].sort());
    expect(await collectGarbage(store)).toMatchObject({ removed: 1 });
    expect(await filesUnder(outside)).toEqual(before);
    expect(await readFile(path.join(outside, 'deep', 'one.jpg'), 'utf8')).toBe('a photo');
    for (const key of near) expect(await store.get(key)).not.toBeNull();
  });

  it('goes on beside files of others among the records of runs and schedules, and names them', async () => {
    const folder = temporaryFolderOfTest('others');
    const { store, dataKey } = await storeIn(folder);
    const run = { name: 'r', revision: 1 };
    await putRunDocument(store, run, { document: 'config', schema: z.unknown(), value: {} });
    // An empty note that a run was started is a record of the layout that names nothing.
    await store.put('runs/r/1/begun.json', Buffer.from(''));
    const foreign = [
      ...['runs/100%.txt', 'runs/r/notes.json', 'runs/r/1/notes.json', 'runs/r/01/config.json', 'schedules/list.json'],
      ...['schedules/a/b/c.json', 'refs/50%/letter.json', 'snapshots/50%/000000000001.json'],
    ];
    for (const key of foreign) await store.put(key, Buffer.from('not a record'));
    const odd = ['runs/100%/1/config.json', 'refs/100%/000000000001.json', 'schedules/100%/a.json'];
    const root = { formatVersion: 1, schedule: 's', template: { key: 'k', sha256: sha256Hex('x'), bytes: 1 } };
    const ref = { formatVersion: 1, name: '100%', version: 1, value: 1, atMs: 1 };
    for (const [i, record] of [{}, ref, root].entries())
      await store.put(odd[i] ?? '', Buffer.from(JSON.stringify(record)));
    await makeOld(folder);
    const plan = await planGarbage(store, { nowMs: Date.now() });
    expect(plan.keys).toEqual([dataKey]);
    expect([...plan.foreign].sort()).toEqual([...foreign, ...odd].sort());
    expect((await listRuns(store)).map(({ name }) => name)).toEqual(['r']);
    expect([await listRefs(store), await listDatasets(store)]).toEqual([[], []]);
    expect(await collectGarbage(store)).toMatchObject({ removed: 1 });
    for (const key of [...foreign, ...odd]) expect(await store.get(key)).not.toBeNull();
  });

  it('keeps what a copy of a run under a name of its own names, though no command finds that copy', async () => {
    const folder = temporaryFolderOfTest('copy');
    const { store, dataKey } = await storeIn(folder);
    const copy = 'runs/r before/1/plan.json';
    await store.put(copy, Buffer.from(JSON.stringify({ keep: dataKey })));
    await makeOld(folder);
    expect(await planGarbage(store, { nowMs: Date.now() })).toMatchObject({ keys: [], foreign: [copy] });
    await store.put(copy, Buffer.from('{'));
    await makeOld(folder);
    expect((await failureOf(planGarbage(store, { nowMs: Date.now() }))).message).toContain(copy);
  });

  it('counts an object that has two keys once, and keeps it while one of them is in use', async () => {
    const folder = temporaryFolderOfTest('alias');
    const { store } = await storeIn(folder);
    // Records of a dataset that nobody names, under two names by a link.
    const record = `snapshots/lost/${'1'.padStart(12, '0')}.json`;
    await store.put(record, Buffer.from('{}'));
    await symlink(path.join(folder, 'snapshots', 'lost'), path.join(folder, 'snapshots', 'also'));
    // A ref is a root: the same file under another name may not go with its second name.
    for (const value of ['a', 'b']) await setRef(store, 'best', value);
    await symlink(path.join(folder, 'refs', 'best'), path.join(folder, 'refs', 'again'));
    await makeOld(folder);
    const plan = await planGarbage(store, { nowMs: Date.now() });
    const kinds = plan.keys.map((key) => key.split('/')[0]);
    expect(kinds.sort()).toEqual(['data', 'refs', 'snapshots']);
    expect(await collectGarbage(store)).toMatchObject({ removed: 3 });
    const left = (await collect(store.list('refs/'))).map(({ key }) => key);
    expect(left).toEqual(['refs/again/000000000002.json', 'refs/best/000000000002.json']);
  });

  it('keeps what one of its names needs, whatever its other name says', async () => {
    const folder = temporaryFolderOfTest('needed');
    const store = createFileStore(folder);
    await setRef(store, 'old', { keep: sha256Hex('x') });
    await setRef(store, 'old', 'now');
    // The first version of `old` is the newest of `kept`, which is a link to a file.
    await mkdir(path.join(folder, 'refs', 'kept'));
    const first = path.join(folder, 'refs', 'old', '000000000001.json');
    await symlink(first, path.join(folder, 'refs', 'kept', '000000000001.json'));
    await makeOld(folder);
    expect((await planGarbage(store, { nowMs: Date.now() })).keys).toEqual([]);
  });
});
