// What the file driver syncs, and in which order: behind the object its folder, then those above that it cannot know to be durable, up to
// the store's own; of folders that it has synced before the object's alone. A removal is durable also where another one takes the folder.
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

/** What was done to which path, in order, and what happens behind an unlink. */
const seen = vi.hoisted(() => ({
  calls: [] as string[],
  afterUnlink: (): Promise<void> => Promise.resolve(),
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    open: async (...given: Parameters<typeof real.open>) => {
      const file = await real.open(...given);
      const sync = file.sync.bind(file);
      file.sync = async () => {
        await sync();
        if (given[1] === 'r') seen.calls.push(`sync ${String(given[0])}`);
      };
      return file;
    },
    link: async (from: string, to: string) => {
      await real.link(from, to);
      seen.calls.push(`link ${to}`);
    },
    unlink: async (path: string) => {
      await real.unlink(path);
      if (path.includes('.assay-tmp')) return;
      seen.calls.push(`unlink ${path}`);
      await seen.afterUnlink();
    },
  };
});

const { createFileStore } = await import('../../../../storage/objects/file-store.js');

let folder = '';
beforeEach(() => {
  folder = temporaryFolderOfTest('sync');
  seen.afterUnlink = () => Promise.resolve();
});

/** The calls of an action by paths within the store, without those of the folder of temporaries. */
async function callsOf(action: () => Promise<unknown>): Promise<string[]> {
  seen.calls = [];
  await action();
  const within = (call: string): string => {
    const [verb = '', path = ''] = call.split(' ');
    return `${verb} ${relative(folder, path) || '.'}`;
  };
  return seen.calls.map(within);
}

const body = Buffer.from('{}');
const EVENT = 'runs/r/1/events/000000000001.json';
const UPWARDS = ['runs/r/1/events', 'runs/r/1', 'runs/r', 'runs', '.'].map((path) => `sync ${path}`);

describe('a write among folders that come and go', () => {
  it('syncs all of them behind the object, up to the folder of the store, and the next one the last alone', async () => {
    const store = createFileStore(folder);
    await store.put('store.json', body);
    expect(await callsOf(() => store.putIfAbsent(EVENT, body))).toEqual([`link ${EVENT}`, ...UPWARDS]);
    const next = EVENT.replace('1.json', '2.json');
    expect(await callsOf(() => store.putIfAbsent(next, body))).toEqual([`link ${next}`, UPWARDS[0]]);
    const beside = 'runs/r/1/attempts/a.json';
    expect(await callsOf(() => store.putIfAbsent(beside, body))).toEqual([
      ...[`link ${beside}`, 'sync runs/r/1/attempts', 'sync runs/r/1'],
    ]);
  });

  it('syncs them also where another made the folders and the object, who may have died before it synced them', async () => {
    await createFileStore(folder).putIfAbsent(EVENT, body);
    const store = createFileStore(folder);
    await store.put('store.json', body);
    expect(await callsOf(() => store.putIfAbsent(EVENT, body))).toEqual(UPWARDS);
  });

  it('syncs them again when they were removed and made anew by another', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent(EVENT, body);
    await rm(join(folder, 'runs/r/1'), { recursive: true });
    await mkdir(join(folder, 'runs/r/1/events'), { recursive: true });
    expect(await callsOf(() => store.putIfAbsent(EVENT, body))).toEqual([
      ...[`link ${EVENT}`, 'sync runs/r/1/events', 'sync runs/r/1', 'sync runs/r'],
    ]);
    // And when it has removed them itself.
    await store.delete(EVENT);
    expect(await callsOf(() => store.putIfAbsent(EVENT, body))).toEqual([`link ${EVENT}`, ...UPWARDS]);
  });
});

describe('a removal', () => {
  it('is durable in what is left where another one takes the folders meanwhile', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent(EVENT, body);
    await store.put('runs/r/2/beat.json', body);
    seen.afterUnlink = async () => {
      for (const gone of ['runs/r/1/events', 'runs/r/1']) await rmdir(join(folder, gone));
    };
    const calls = await callsOf(() => store.delete(EVENT));
    expect(calls).toEqual([`unlink ${EVENT}`, 'sync runs/r']);
  });

  it('syncs the folder of the object alone where nobody else removes anything', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent(EVENT, body);
    expect(await callsOf(() => store.delete(EVENT))).toEqual([`unlink ${EVENT}`, UPWARDS[0]]);
  });
});

describe('the folder of temporary files', () => {
  it('is made anew where somebody removed it while it was empty', async () => {
    const store = createFileStore(folder);
    await store.put('a/b', body);
    await rmdir(join(folder, '.assay-tmp'));
    await store.put('a/c', body);
    await rm(folder, { recursive: true });
    expect(await store.putIfAbsent('a/b', body)).toBe('created');
  });
});
