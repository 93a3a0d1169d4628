// Folders of dead processes are swept by pid and start time; those of living ones, of other hosts and of other programs stay.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHost } from '../../../../pipeline/execute/host.js';
import { makeOwnFolder, sweepFolders } from '../../../../storage/files/own-folder.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid ?? 0;
}

/** A folder with a file, as a worker leaves it. */
async function left(root: string, name: string): Promise<void> {
  await mkdir(path.join(root, name, 'item'), { recursive: true });
  await writeFile(path.join(root, name, 'item', 'rows'), 'x');
}

describe('the folder of a process', () => {
  it('is swept once the process is dead, also where its number was given to another', async () => {
    const root = temporaryFolderOfTest('spool');
    const own = path.basename(await makeOwnFolder(root));
    const [, , ...rest] = own.split('.');
    const recycled = [String(process.pid), '1', ...rest].join('.');
    const dead = [String(await deadPid()), '123', ...rest].join('.');
    for (const name of [recycled, dead]) await left(root, name);
    expect(await sweepFolders(root)).toBe(2);
    expect(await readdir(root)).toEqual([own]);
  });

  it('of another host stays until it is a day old', async () => {
    const root = temporaryFolderOfTest('spool');
    const foreign = `${await deadPid()}.123.some-other-host.uuid`;
    await left(root, foreign);
    expect(await sweepFolders(root)).toBe(0);
    const old = new Date(Date.now() - 25 * 3600_000);
    await utimes(path.join(root, foreign), old, old);
    expect(await sweepFolders(root)).toBe(1);
  });

  it('of another space of pids on this host stays until it is a day old: its pid says nothing here', async () => {
    const root = temporaryFolderOfTest('spool');
    const own = path.basename(await makeOwnFolder(root));
    const [, , writer = ''] = own.split('.');
    const other = writer.replace(/\+.*$/, '+0123456789ab');
    expect(other).not.toBe(writer);
    const foreign = `${await deadPid()}.123.${other}.uuid`;
    const earlier = `${await deadPid()}.123.${writer.replace(/\+.*$/, '')}.uuid`;
    for (const name of [foreign, earlier]) await left(root, name);
    expect(await sweepFolders(root)).toBe(1);
    expect((await readdir(root)).sort()).toEqual([own, foreign].sort());
    const old = new Date(Date.now() - 25 * 3600_000);
    await utimes(path.join(root, foreign), old, old);
    expect(await sweepFolders(root)).toBe(1);
  });

  it('of an earlier release, marked without a host, goes the same way; what is no such folder stays', async () => {
    const root = temporaryFolderOfTest('spool');
    const earlier = `${await deadPid()}-123`;
    for (const name of [earlier, 'mine', '17']) await left(root, name);
    const old = new Date(Date.now() - 25 * 3600_000);
    for (const name of [earlier, 'mine']) await utimes(path.join(root, name), old, old);
    expect(await sweepFolders(root)).toBe(1);
    expect((await readdir(root)).sort()).toEqual(['17', 'mine']);
  });

  it('with a prefix is swept among what others keep there', async () => {
    const root = temporaryFolderOfTest('spool');
    const own = path.basename(await makeOwnFolder(root, 'assay-find-'));
    const rest = own.split('.').slice(2).join('.');
    const dead = `${await deadPid()}.123.${rest}`;
    for (const name of [`assay-find-${dead}`, dead]) await left(root, name);
    expect(await sweepFolders(root, 'assay-find-')).toBe(1);
    expect((await readdir(root)).sort()).toEqual([own, dead].sort());
  });
});

it('a host takes what a dead worker left in its folder away, and leaves nothing itself', async () => {
  const folder = temporaryFolderOfTest('host');
  const spools = path.join(folder, 'spool');
  const mark = path.basename(await makeOwnFolder(tmpdir(), 'assay-mark-'));
  const rest = mark.split('.').slice(2).join('.');
  const { rm } = await import('node:fs/promises');
  await rm(path.join(tmpdir(), mark), { recursive: true });
  await left(spools, `${await deadPid()}.123.${rest}`);
  const limits = { slots: 1, memoryBytes: 2 ** 30, cacheBytes: 2 ** 20 };
  const host = await openHost({ folder, ...limits, environment: process.env });
  expect(await readdir(spools)).toEqual([path.basename(host.spoolRoot)]);
  expect((await stat(host.spoolRoot)).isDirectory()).toBe(true);
  await host.close();
  expect(await readdir(spools)).toEqual([]);
});
