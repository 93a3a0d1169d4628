// Folders named for runs, datasets and probes go when they are empty, and no writer who comes at that moment fails or loses its object.
import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createFileStore } from '../../../../storage/objects/file-store.js';
import { probeStore } from '../../../../storage/probe/probe-store.js';
import { appendEvent } from '../../../../storage/records/events.js';
import { removeRun } from '../../../../storage/records/removal.js';
import { putBeat, putRunDocument } from '../../../../storage/records/runs.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

const run = { name: 'r', revision: 1 };

describe('an empty folder', () => {
  it('is left neither by a probe nor by the removal of a run', async () => {
    const folder = temporaryFolderOfTest('empty');
    const store = createFileStore(folder);
    expect((await probeStore(store)).every(({ ok }) => ok)).toBe(true);
    await putRunDocument(store, run, { document: 'config', value: {}, schema: z.unknown() });
    await appendEvent(store, run, { type: 'completed', data: {}, atMs: 1 });
    await putBeat(store, run, {});
    await store.put('snapshots/r/sae/codes/000000000001.json', Buffer.from('{}'));
    await store.put('snapshots/rr/000000000001.json', Buffer.from('{}'));
    expect(await removeRun(store, 'r')).toBe(4);
    expect((await readdir(folder)).sort()).toEqual(['.assay-tmp', 'snapshots']);
    expect(await readdir(path.join(folder, 'snapshots'))).toEqual(['rr']);
  });

  it('stays where it is a link, or holds anything', async () => {
    const folder = temporaryFolderOfTest('empty');
    const elsewhere = temporaryFolderOfTest('elsewhere');
    const store = createFileStore(folder);
    await symlink(elsewhere, path.join(folder, 'runs'));
    await store.put('runs/r/1/beat.json', Buffer.from('{}'));
    await store.delete('runs/r/1/beat.json');
    expect(await readdir(elsewhere)).toEqual([]);
    expect(existsSync(path.join(folder, 'runs'))).toBe(true);
    await mkdir(path.join(elsewhere, 'r', 'mine'), { recursive: true });
    await store.put('runs/r/1/beat.json', Buffer.from('{}'));
    await store.delete('runs/r/1/beat.json');
    expect(await readdir(path.join(elsewhere, 'r'))).toEqual(['mine']);
  });

  it('that is removed by some while others write into it costs no write', async () => {
    const folder = temporaryFolderOfTest('race');
    // Several stores, as several processes, and so several memories of what is there.
    const stores = [1, 2, 3, 4].map(() => createFileStore(folder));
    const work = stores.flatMap((store, s) =>
      [1, 2, 3].map(async (w) => {
        for (let n = 0; n < 25; n++) {
          const key = `runs/r/1/attempts/${s}-${w}-${n}.json`;
          const body = Buffer.from(key);
          if (n % 2 === 0) expect(await store.putIfAbsent(key, body)).toBe('created');
          else await store.put(key, body);
          expect(Buffer.from((await store.get(key)) ?? []).toString()).toBe(key);
          await store.delete(key);
        }
      }),
    );
    await Promise.all(work);
    expect(await readdir(folder)).toEqual(['.assay-tmp']);
  });
});
