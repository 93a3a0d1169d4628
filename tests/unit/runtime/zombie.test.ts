// A process that has ended but that nobody has waited for yet counts as gone everywhere: for the local stack's records, for
// children of dead workers, for temporary files, for marks of collections and for the set-up scripts. `npm run demo` once took such a
// server for a running one. One whose first thread alone has ended is at work: its last unlink may still take effect.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { killIfSame, processStart } from '../../../runtime/child/process-identity.js';
import { isAlive } from '../../../servers/process-record.js';
import { isProvenDead, processMark, sweepTemporaries } from '../../../storage/objects/process-mark.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';
import { loadScript } from '../infra/scripts.js';

interface Zombie {
  readonly pid: number;
  readonly start: string;
}

const host = hostname()
  .replace(/[^A-Za-z0-9-]/g, '_')
  .slice(0, 60);

const fieldsOf = (pid: number): string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

/** A child that has ended, of a process that never waits for it. */
async function zombie(): Promise<Zombie> {
  const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    parent.kill('SIGKILL');
  });
  const pid = Number(await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve)));
  await expect.poll(() => fieldsOf(pid)[0]).toBe('Z');
  return { pid, start: fieldsOf(pid)[19] ?? '' };
}

it.runIf(process.platform === 'linux')('is no living process', async () => {
  const { pid, start } = await zombie();
  const { startOf } = await loadScript('processes.mjs');
  expect(await processStart(pid)).toBeNull();
  expect(await isAlive({ pid, start })).toBe(false);
  expect(await killIfSame(pid, start, 'SIGTERM')).toBe(false);
  expect(startOf(pid)).toBeNull();
  expect(startOf(process.pid)).toBe(fieldsOf(process.pid)[19]);
});

it.runIf(process.platform === 'linux')('writes no temporary file any more', async () => {
  const { pid, start } = await zombie();
  const folder = temporaryFolderOfTest('zombie');
  await writeFile(path.join(folder, `${pid}.${start}.${host}.aaaa`), 'left');
  await writeFile(path.join(folder, `${process.pid}.${fieldsOf(process.pid)[19] ?? ''}.${host}.bbbb`), 'mine');
  expect(await sweepTemporaries(folder)).toBe(1);
  expect((await readdir(folder)).map((name) => name.slice(-4))).toEqual(['bbbb']);
});

/** The number of the system call that ends one thread. */
const EXIT_CALL: Partial<Record<string, number>> = { x64: 60, arm64: 93 };

/** A process that shows as a zombie, because its first thread has ended, and in which another thread is at work. */
async function leaderless(): Promise<Zombie> {
  const script = `import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
print(flush=True)
ctypes.CDLL(None).syscall(${EXIT_CALL[process.arch] ?? 0}, 0)`;
  const child = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const pid = child.pid ?? 0;
  await once(child.stdout, 'data');
  await expect.poll(() => fieldsOf(pid)[0]).toBe('Z');
  return { pid, start: fieldsOf(pid)[19] ?? '' };
}

it.runIf(process.platform === 'linux' && process.arch in EXIT_CALL)(
  'lives on in its other threads while one is left',
  async () => {
    const { pid, start } = await leaderless();
    const [, , space = ''] = processMark().split('.');
    const { startOf } = await loadScript('processes.mjs');
    expect(isProvenDead(`${pid}.${start}.${space}`)).toBe(false);
    expect(await processStart(pid)).toBe(start);
    expect(startOf(pid)).toBe(start);
    const folder = temporaryFolderOfTest('zombie');
    await writeFile(path.join(folder, `${pid}.${start}.${host}+${space}.aaaa`), 'at work');
    expect(await sweepTemporaries(folder)).toBe(0);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => isProvenDead(`${pid}.${start}.${space}`)).toBe(true);
    expect(await processStart(pid)).toBeNull();
  },
);
