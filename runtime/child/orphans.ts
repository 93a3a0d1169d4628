// A record of the compute children of this machine, so that a new worker ends those whose worker died.
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { killIfSame, processStart } from './process-identity.js';

interface ChildRecord {
  readonly pid: number;
  readonly start: string;
  readonly worker: number;
  readonly workerStart: string;
}

export async function recordChild(folder: string, pid: number): Promise<void> {
  const start = await processStart(pid);
  const workerStart = await processStart(process.pid);
  if (start === null || workerStart === null) return;
  const record: ChildRecord = { pid, start, worker: process.pid, workerStart };
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, `${pid}.json`), JSON.stringify(record));
}

export async function forgetChild(folder: string, pid: number): Promise<void> {
  await rm(path.join(folder, `${pid}.json`), { force: true });
}

/** Kills recorded children whose worker is gone; returns their pids. */
export async function endOrphans(folder: string): Promise<number[]> {
  const ended: number[] = [];
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const file = path.join(folder, name);
    const record = await readRecord(file);
    const orphan = record !== null && (await processStart(record.worker)) !== record.workerStart;
    if (record !== null && !orphan) continue;
    if (record && (await killIfSame(record.pid, record.start, 'SIGKILL'))) ended.push(record.pid);
    await rm(file, { force: true });
  }
  return ended;
}

async function readRecord(file: string): Promise<ChildRecord | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ChildRecord;
  } catch {
    return null;
  }
}
