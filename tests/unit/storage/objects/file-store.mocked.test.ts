// What the file driver alone does: temporary files, links, the error of each failing system call, with its remedy.
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InputError, ResourceError, TransientError } from '../../../../schemas/errors.js';
import { failureOf } from '../../../harness/failure-of.js';
import { planGarbage } from '../../../../storage/gc/collect-garbage.js';
import { createFileStore } from '../../../../storage/objects/file-store.js';
import { listAll } from '../../../../storage/records/record-io.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

/** Which system calls fail, and how; empty = all work. */
const faults = vi.hoisted(() => new Map<string, string>());

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const fail = (name: string): void => {
    const code = faults.get(name);
    if (code !== undefined) throw Object.assign(new Error(`${code}: scripted`), { code });
  };
  return {
    ...real,
    link: async (from: string, to: string) => {
      fail('link');
      await real.link(from, to);
    },
    rename: async (from: string, to: string) => {
      fail('rename');
      await real.rename(from, to);
    },
    open: async (path: string, flags: string) => {
      if (flags === 'wx') fail('open');
      return real.open(path, flags);
    },
    stat: async (path: string) => {
      fail('stat');
      return real.stat(path);
    },
    readdir: async (path: string, options: object) => {
      fail('readdir');
      return real.readdir(path, options as { withFileTypes: true });
    },
    readFile: async (path: string, options: object) => {
      fail('readFile');
      return real.readFile(path, options);
    },
  };
});

let folder = '';

beforeEach(() => {
  folder = temporaryFolderOfTest('file');
});

afterEach(() => {
  faults.clear();
});

describe('the file driver', () => {
  it('makes no folder until the first write', async () => {
    const store = createFileStore(join(folder, 'data'));
    expect(await store.get('a/b')).toBeNull();
    for await (const info of store.list('')) expect(info).toBeNull();
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['stat', 'EIO'],
    ['stat', 'EACCES'],
    ['readdir', 'EIO'],
    ['readdir', 'EACCES'],
  ])('never lists an object as absent because %s fails with %s', async (call, code) => {
    const store = createFileStore(join(folder, 'data'));
    await store.put('runs/r/1/config.json', Buffer.from('{}'));
    faults.set(call, code);
    const error = await failureOf(listAll(store, 'runs/'));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(new RegExp(`${code}.*list of runs/`));
  });

  it('lists what lies behind links to folders and files, as reading finds it, and ends at a link in a circle', async () => {
    const store = createFileStore(join(folder, 'data'));
    await store.put('runs/a.json', Buffer.from('a'));
    await rename(join(folder, 'data', 'runs'), join(folder, 'elsewhere'));
    await symlink(join(folder, 'elsewhere'), join(folder, 'data', 'runs'));
    await symlink(join(folder, 'elsewhere', 'a.json'), join(folder, 'elsewhere', 'b.json'));
    await symlink(join(folder, 'nowhere'), join(folder, 'elsewhere', 'c.json'));
    expect((await listAll(store, '')).map(({ key }) => key)).toEqual(['runs/a.json', 'runs/b.json']);
    await symlink(join(folder, 'elsewhere'), join(folder, 'elsewhere', 'circle'));
    const error = await failureOf(listAll(store, ''));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain(`${folder}/elsewhere/circle leads in a circle (ELOOP); remove that link`);
  });

  it.each(['loop', 'there'])('names a link that leads to itself, by way of %s, and ends the listing', async (to) => {
    const store = createFileStore(folder);
    await store.put('runs/a/1/plan.json', Buffer.from('{}'));
    await symlink('loop', join(folder, 'runs', 'there'));
    await symlink(to, join(folder, 'runs', 'loop'));
    const error = await failureOf(listAll(store, 'runs/'));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/runs\/(loop|there) leads in a circle/);
    expect(await failureOf(planGarbage(store, { nowMs: Date.now() }))).toBeInstanceOf(InputError);
    await rm(join(folder, 'runs', 'loop'));
    expect(await planGarbage(store, { nowMs: Date.now() })).toMatchObject({ keys: [], foreign: [] });
  });

  it('names the file that holds an object', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent('a/b.json', Buffer.from('content'));
    expect(await readFile(store.localPath('a/b.json'), 'utf8')).toBe('content');
    expect(() => store.localPath('../b')).toThrow(InputError);
  });

  it('leaves no temporary file behind a create, a lost race, a replace', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent('a', Buffer.from('1'));
    await store.putIfAbsent('a', Buffer.from('2'));
    await store.put('a', Buffer.from('3'));
    expect(await readdir(join(folder, '.assay-tmp'))).toEqual([]);
  });

  it('sweeps what dead processes left and spares what living ones write', async () => {
    const temporaries = join(folder, '.assay-tmp');
    await mkdir(temporaries, { recursive: true });
    const host = hostname()
      .replace(/[^A-Za-z0-9-]/g, '_')
      .slice(0, 60);
    const ended = spawn('true');
    await new Promise((resolve) => ended.once('exit', resolve));
    const mine = execFileSync('cat', [`/proc/${process.pid}/stat`], { encoding: 'latin1' });
    const started = mine.slice(mine.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    const names = {
      dead: `${ended.pid ?? 0}.1.${host}.u1`,
      reused: `${process.pid}.${Number(started) + 5}.${host}.u2`,
      alive: `${process.pid}.${started}.${host}.u3`,
      elsewhere: `1.1.another-host.u4`,
      elsewhereOld: `1.1.another-host.u5`,
    };
    for (const name of Object.values(names)) await writeFile(join(temporaries, name), 'half');
    const longAgo = new Date(Date.now() - 25 * 3600_000);
    await utimes(join(temporaries, names.elsewhereOld), longAgo, longAgo);
    await createFileStore(folder).putIfAbsent('a', Buffer.from('1'));
    expect(new Set(await readdir(temporaries))).toEqual(new Set([names.alive, names.elsewhere]));
  });

  it('refuses a file system without hard links, and says where to go', async () => {
    faults.set('link', 'EPERM');
    const store = createFileStore(folder);
    const error = await failureOf(store.putIfAbsent('a/b', Buffer.from('1')));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/hard links.*EPERM.*create.*a\/b.*another file system.*S3/s);
    expect(await readdir(join(folder, '.assay-tmp'))).toEqual([]);
    const checks = await store.driverChecks('probe/x');
    expect(checks).toMatchObject([{ ok: false }]);
    expect(checks[0]?.detail).toMatch(/hard links/);
  });

  it.each([
    ['open', 'ENOSPC', ResourceError, /full \(ENOSPC\).*create.*a\/b.*gc --apply/s],
    ['open', 'EDQUOT', ResourceError, /quota.*EDQUOT.*a\/b/s],
    ['open', 'EACCES', ResourceError, /allowed.*EACCES.*create.*a\/b.*owner or mode/s],
    ['open', 'EMFILE', ResourceError, /EMFILE.*create.*a\/b.*open files/s],
    ['link', 'ENOSPC', ResourceError, /full \(ENOSPC\).*a\/b.*a run: `assay resume`; else the same command/s],
    ['open', 'ENOENT', TransientError, /folders to be there.*ENOENT.*create.*a\/b.*mounted and writable/s],
    ['link', 'ESTALE', TransientError, /ESTALE.*create.*a\/b.*try again/s],
  ] as const)('names operation, key and remedy where %s fails with %s', async (...row) => {
    const [call, code, type, text] = row;
    faults.set(call, code);
    const store = createFileStore(folder);
    const error = await failureOf(store.putIfAbsent('a/b', Buffer.from('1')));
    expect(error).toBeInstanceOf(type);
    expect(error.message).toMatch(text);
    expect(error.details).toMatchObject({ operation: 'create', key: 'a/b', code });
    faults.clear();
    expect(await store.putIfAbsent('a/b', Buffer.from('1'))).toBe('created');
  });

  it('names a replace and a read that fail', async () => {
    const store = createFileStore(folder);
    await store.put('a/b', Buffer.from('1'));
    faults.set('rename', 'ENOSPC');
    expect((await failureOf(store.put('a/b', Buffer.from('2')))).message).toMatch(/replace of a\/b/);
    faults.clear();
    faults.set('readFile', 'EACCES');
    const error = await failureOf(store.get('a/b'));
    expect(error).toBeInstanceOf(ResourceError);
    expect(error.message).toMatch(/EACCES.*read of a\/b/s);
    faults.clear();
    expect(Buffer.from((await store.get('a/b')) ?? []).toString()).toBe('1');
  });

  it('says that something is in the way where an object has the name of a folder', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent('a', Buffer.from('1'));
    const error = await failureOf(store.putIfAbsent('a/b', Buffer.from('1')));
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/in the way.*create.*a\/b/s);
  });

  it('goes on when the folder was emptied by hand in between', async () => {
    const store = createFileStore(folder);
    await store.putIfAbsent('a/b/c', Buffer.from('1'));
    await rm(join(folder, 'a'), { recursive: true });
    expect(await store.putIfAbsent('a/b/c', Buffer.from('2'))).toBe('created');
  });
});
