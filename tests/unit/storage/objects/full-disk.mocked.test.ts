// A disk that fills up during a run: data is refused with the reason, and the event that says how the run ended is still stored, by
// the room that the store keeps back, so that `status` says failed. A disk without any room left refuses the event too.
import { readdir, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { failureOf } from '../../../harness/failure-of.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

/** The disk: whether it is full, and how many writes fit into what was given back. */
const disk = vi.hoisted(() => ({ full: false, room: 0 }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const noSpace = (): Error =>
    Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC', syscall: 'write' });
  return {
    ...real,
    open: async (...given: Parameters<typeof real.open>) => {
      const file = await real.open(...given);
      const write = file.writeFile.bind(file);
      file.writeFile = (...content) => {
        if (disk.full && disk.room-- <= 0) return Promise.reject(noSpace());
        return write(...content);
      };
      const append = file.appendFile.bind(file);
      file.appendFile = (...content) => (disk.full ? Promise.reject(noSpace()) : append(...content));
      return file;
    },
    truncate: async (...given: Parameters<typeof real.truncate>) => {
      await real.truncate(...given);
      disk.room = 1;
    },
  };
});

const { createFileStore } = await import('../../../../storage/objects/file-store.js');
const { KEPT_BYTES } = await import('../../../../storage/objects/kept-room.js');
const { appendEvent, readEvents } = await import('../../../../storage/records/events.js');
const { collectGarbage } = await import('../../../../storage/gc/collect-garbage.js');
const { beginCollection } = await import('../../../../storage/records/collection-mark.js');
const { putDataBytes } = await import('../../../../storage/records/data-objects.js');
const { removeRun } = await import('../../../../storage/records/removal.js');
const { putRunDocument } = await import('../../../../storage/records/runs.js');
const { foldEvents } = await import('../../../../storage/records/run-history.js');

beforeEach(() => {
  disk.full = false;
  disk.room = 0;
});

const run = { name: 'small', revision: 1 };

describe('a disk that is full', () => {
  it('refuses data and still takes the event that ends the run', async () => {
    const folder = temporaryFolderOfTest('full');
    const store = createFileStore(folder);
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 1 });
    disk.full = true;
    const error = await failureOf(store.putIfAbsent('data/aa/x.bin', new Uint8Array(9)));
    expect(error.message).toContain('(ENOSPC)');
    const { message } = error;
    await appendEvent(store, run, { type: 'failed', data: { stage: 'tokens', message }, atMs: 2 });
    const events = await readEvents(store, run);
    expect(foldEvents(events)).toMatchObject({ state: 'failed', reason: message, stage: 'tokens' });
    const { size } = await stat(path.join(folder, '.assay-tmp', 'reserve'));
    expect(size).toBeLessThan(KEPT_BYTES);
    expect(await readdir(path.join(folder, '.assay-tmp'))).toEqual(['reserve']);
  });

  it('takes no event any more once the room is used up, and says so', async () => {
    const store = createFileStore(temporaryFolderOfTest('full'));
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 1 });
    disk.full = true;
    let stored = 0;
    const fill = async (): Promise<void> => {
      for (; stored < 100; stored++) await appendEvent(store, run, { type: 'paused', data: {}, atMs: 2 });
    };
    const error = await failureOf(fill());
    expect(error.message).toContain('the disk or quota is full (ENOSPC)');
    expect(stored).toBeGreaterThan(10);
  });

  it('that has room again fills up what was given away', async () => {
    const folder = temporaryFolderOfTest('full');
    const store = createFileStore(folder);
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 1 });
    disk.full = true;
    await appendEvent(store, run, { type: 'failed', data: {}, atMs: 2 });
    disk.full = false;
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 3 });
    expect((await stat(path.join(folder, '.assay-tmp', 'reserve'))).size).toBe(KEPT_BYTES);
  });

  it('lets garbage be collected: its mark and its end use the room', async () => {
    const folder = temporaryFolderOfTest('full');
    const store = createFileStore(folder);
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 1 });
    await appendEvent(store, run, { type: 'failed', data: {}, atMs: 2 });
    const { key } = await putDataBytes(store, { bytes: Buffer.from('unused'), extension: 'bin' });
    const old = new Date(Date.now() - 48 * 3600_000);
    await utimes(path.join(folder, key), old, old);
    disk.full = true;
    expect(await collectGarbage(store)).toMatchObject({ removed: 1 });
    expect(await store.get(key)).toBeNull();
    expect(await readdir(path.join(folder, 'collections', '000000000001'))).toEqual(['end.json']);
  });

  it('lets a collection that takes long show that it lives: its sign uses the room', async () => {
    const folder = temporaryFolderOfTest('full');
    const store = createFileStore(folder);
    await appendEvent(store, run, { type: 'failed', data: {}, atMs: 1 });
    disk.full = true;
    const collection = await beginCollection(store);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 15_000 });
    try {
      await collection.hold();
    } finally {
      vi.useRealTimers();
    }
    expect(await readdir(path.join(folder, 'collections', '000000000001'))).toEqual(['sign.json']);
    await collection.end(true);
  });

  it('replaces a sign of life with the room too', async () => {
    const store = createFileStore(temporaryFolderOfTest('full'));
    await appendEvent(store, run, { type: 'started', data: {}, atMs: 1 });
    disk.full = true;
    expect((await failureOf(store.put('a/sign', new Uint8Array(1)))).message).toContain('(ENOSPC)');
    await store.put('a/sign', new Uint8Array(2), { urgent: true });
    expect(await store.get('a/sign')).toHaveLength(2);
  });

  it('lets a run be removed: that writes nothing', async () => {
    const store = createFileStore(temporaryFolderOfTest('full'));
    await putRunDocument(store, run, { document: 'config', value: {}, schema: z.unknown() });
    await appendEvent(store, run, { type: 'failed', data: {}, atMs: 1 });
    disk.full = true;
    expect(await removeRun(store, run.name)).toBe(2);
  });
});
