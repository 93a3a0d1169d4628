// The set-up scripts know an unfit Node and a broken installation, take turns by a lock that survives its holder, and
// the last line of `npm test` never claims more than the runner's report.
import { spawn } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadScript } from './scripts.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

let folder: string;
beforeEach(() => {
  folder = temporaryFolderOfTest('setup');
});

describe('Node', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('%s will do', async (version) => {
    const { checkNode } = await loadScript('setup.mjs');
    expect(() => {
      checkNode(version);
    }).not.toThrow();
  });
  it.each(['18.20.0', '20.18.3'])('%s is refused with the remedy', async (version) => {
    const { checkNode } = await loadScript('setup.mjs');
    expect(() => {
      checkNode(version);
    }).toThrow(`Node 20.19 or newer is needed, this is ${version}: install`);
  });
});

describe('packages', () => {
  const entry = (version: string, more = {}): object => ({
    version,
    integrity: `sha512-${version}`,
    ...more,
  });
  const write = async (wanted: object, found: object | null): Promise<void> => {
    await writeFile(path.join(folder, 'package-lock.json'), JSON.stringify({ packages: wanted }));
    if (found === null) return;
    await mkdir(path.join(folder, 'node_modules'));
    const file = path.join(folder, 'node_modules', '.package-lock.json');
    await writeFile(file, JSON.stringify({ packages: found }));
  };
  const matches = async (): Promise<boolean> => {
    const { packagesMatch } = await loadScript('setup.mjs');
    return packagesMatch(folder);
  };

  it('match when each has the version of the lock file', async () => {
    await write(
      { '': { name: 'x' }, 'node_modules/a': entry('1.0.0') },
      {
        'node_modules/a': entry('1.0.0'),
      },
    );
    expect(await matches()).toBe(true);
  });
  it('do not match without node_modules, or with one whose installation broke off', async () => {
    await write({ 'node_modules/a': entry('1.0.0') }, null);
    expect(await matches()).toBe(false);
    await mkdir(path.join(folder, 'node_modules', 'a'), { recursive: true });
    expect(await matches()).toBe(false);
  });
  it('do not match when one has another version or is missing', async () => {
    await write({ 'node_modules/a': entry('1.0.1') }, { 'node_modules/a': entry('1.0.0') });
    expect(await matches()).toBe(false);
    await rm(path.join(folder, 'node_modules'), { recursive: true });
    await write({ 'node_modules/a': entry('1.0.0') }, {});
    expect(await matches()).toBe(false);
  });
  it('match when only programs of other systems are missing', async () => {
    await write({ 'node_modules/a': entry('1.0.0', { optional: true }) }, {});
    expect(await matches()).toBe(true);
  });
  it('need a lock file', async () => {
    await expect(matches()).rejects.toThrow('package-lock.json is missing or unreadable');
  });
});

describe('lock', () => {
  it('lets one in at a time and leaves nothing behind', async () => {
    const { withLock } = await loadScript('lock.mjs');
    let inside = 0;
    let most = 0;
    const body = async (): Promise<void> => {
      inside++;
      most = Math.max(most, inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
    };
    const options = { folder, pollMs: 5 };
    await Promise.all([1, 2, 3].map(() => withLock('x', body, options)));
    expect(most).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });
  it('is released when its holder throws', async () => {
    const { withLock } = await loadScript('lock.mjs');
    const fail = (): Promise<never> => Promise.reject(new Error('inside'));
    await expect(withLock('x', fail, { folder })).rejects.toThrow('inside');
    expect(await withLock('x', () => Promise.resolve(7), { folder })).toBe(7);
  });
  it('of a process that died is taken over', async () => {
    const { withLock } = await loadScript('lock.mjs');
    const child = spawn(process.execPath, ['-e', '']);
    await new Promise((resolve) => child.once('close', resolve));
    await writeFile(path.join(folder, 'x.lock'), `${child.pid ?? 0} 12345`);
    expect(await withLock('x', () => Promise.resolve(7), { folder })).toBe(7);
  });
  it.runIf(process.platform === 'linux')('of a process whose pid another one has now is taken over', async () => {
    const { withLock } = await loadScript('lock.mjs');
    await writeFile(path.join(folder, 'x.lock'), `${process.pid} 1`);
    expect(await withLock('x', () => Promise.resolve(7), { folder })).toBe(7);
  });
});

describe("the runner's report", () => {
  const test = (status: string): { status: string; fullName: string } => ({
    status,
    fullName: 'x',
  });
  const file = (status: string, ...tests: string[]): object => ({
    name: 'f',
    status,
    assertionResults: tests.map(test),
  });
  const count = async (files: object[], code: number | string): Promise<object> => {
    const { countTests } = await loadScript('test.mjs');
    return countTests({ testResults: files } as Parameters<typeof countTests>[0], code);
  };

  it('is counted by test', async () => {
    const files = [file('passed', 'passed', 'passed', 'skipped'), file('failed', 'failed', 'passed')];
    expect(await count(files, 1)).toEqual({ passed: 3, failed: 1, skipped: 1, files: 2 });
  });
  it('counts a file that could not be loaded as a failure', async () => {
    const files = [file('passed', 'passed'), file('failed')];
    expect(await count(files, 1)).toMatchObject({ passed: 1, failed: 1 });
  });
  it('never claims success for a runner that ended badly or ran nothing', async () => {
    const good = [file('passed', 'passed')];
    expect(await count(good, 0)).toMatchObject({ passed: 1, failed: 0 });
    expect(await count(good, 1)).toMatchObject({ passed: 1, failed: 1 });
    expect(await count(good, 'signal SIGKILL')).toMatchObject({ passed: 1, failed: 1 });
    expect(await count([], 0)).toMatchObject({ passed: 0, failed: 1 });
  });
});
