// Whoever finds a lock held by a living process waits and is told by whom; the lock of a dead one is taken over; nobody holds it twice.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { withOwnerLock, type LockOwner } from '../../../servers/owner-lock.js';
import { startTimeOf } from '../../../servers/process-record.js';
import { ResourceError } from '../../../schemas/errors.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

function lockOf(folder: string, onWait: (owner: LockOwner, age: number) => void = () => undefined) {
  return { file: path.join(folder, '.assay', 'stack.lock'), doing: 'assay up', onWait };
}

describe('a lock with an owner', () => {
  it('lets one in at a time, tells the others who is in, and leaves nothing behind', async () => {
    const folder = temporaryFolderOfTest('lock');
    const told: LockOwner[] = [];
    let inside = 0;
    let most = 0;
    const body = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await sleep(30);
      inside--;
    };
    await Promise.all(
      Array.from({ length: 4 }, () =>
        withOwnerLock(
          lockOf(folder, (owner) => told.push(owner)),
          body,
        ),
      ),
    );
    expect(most).toBe(1);
    expect(told.map(({ pid, doing }) => ({ pid, doing }))).toEqual(
      Array.from({ length: 3 }, () => ({ pid: process.pid, doing: 'assay up' })),
    );
    expect(await readdir(path.join(folder, '.assay'))).toEqual([]);
  });

  it('is free again where the body fails', async () => {
    const lock = lockOf(temporaryFolderOfTest('lock'));
    await expect(withOwnerLock(lock, () => Promise.reject(new ResourceError('no room')))).rejects.toThrow('no room');
    expect(await withOwnerLock(lock, () => Promise.resolve(1))).toBe(1);
  });

  it.each(['of a killed process', 'of a process whose pid another one has now', 'that is damaged'])(
    '%s is taken over',
    async (kind) => {
      const lock = lockOf(temporaryFolderOfTest('lock'));
      await withOwnerLock(lock, () => Promise.resolve());
      const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
      const pid = child.pid ?? 0;
      const start = await startTimeOf(pid);
      if (kind === 'of a killed process') {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      const owner = { pid, start: kind.includes('another') ? `${start ?? ''}0` : start, doing: 'assay up', sinceMs: 0 };
      await writeFile(lock.file, kind === 'that is damaged' ? '{"pid"' : JSON.stringify(owner));
      const held = await withOwnerLock(lock, () => readFile(lock.file, 'utf8'));
      expect(JSON.parse(held)).toMatchObject({ pid: process.pid, doing: 'assay up' });
      child.kill('SIGKILL');
    },
  );

  it('that is not free in time is told with holder and age', async () => {
    const lock = lockOf(temporaryFolderOfTest('lock'));
    await withOwnerLock(lock, async () => {
      await expect(withOwnerLock({ ...lock, waitMs: 0 }, () => Promise.resolve())).rejects.toThrow(
        new RegExp(`but \`assay up\` \\(pid ${process.pid}\\) has held it for \\d+ s`),
      );
    });
  });
});
