// What ends a folder's stack removes the records of what it ended; a wait is told once it is long.
import { spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { endStack } from '../../../cli/orchestration/local-stack.js';
import { tellWait } from '../../../cli/waiting.js';
import { startTimeOf, writeProcessRecord } from '../../../servers/process-record.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

afterEach(() => {
  vi.useRealTimers();
});

it('leaves no record of a process that it ended, nor of one that had ended', async () => {
  const folder = temporaryFolderOfTest('stack-end');
  const file = (name: string): string => path.join(folder, '.assay', `${name}.pid.json`);
  const pids: number[] = [];
  for (const name of ['temporal', 'worker-1']) {
    const { pid = 0 } = spawn('sleep', ['60'], { stdio: 'ignore' });
    pids.push(pid);
    await writeProcessRecord(file(name), { pid, start: (await startTimeOf(pid)) ?? '', address: 'a', info: {} });
  }
  await writeProcessRecord(file('worker-2'), { pid: process.pid, start: 'another', address: 'a', info: {} });
  await writeFile(path.join(folder, '.assay', 'config.json'), '{}');
  const ended = await endStack(folder);
  expect(ended.map(({ name, pid }) => [name, pid])).toEqual([
    ['temporal', pids[0]],
    ['worker', pids[1]],
  ]);
  expect(await readdir(path.join(folder, '.assay'))).toEqual(['config.json']);
});

it('tells a wait that passes a second, and no shorter one', async () => {
  vi.useFakeTimers();
  const notes: unknown[] = [];
  const output = { note: (line: unknown) => notes.push(line) };
  const after = (ms: number): Promise<string> => new Promise((resolve) => setTimeout(() => resolve('done'), ms));
  const short = tellWait(output, 'short', after(900));
  const long = tellWait(output, 'long', after(1500));
  await vi.advanceTimersByTimeAsync(2000);
  expect(await Promise.all([short, long])).toEqual(['done', 'done']);
  expect(notes).toEqual(['long']);
});
