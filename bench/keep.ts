// Keeps measured rows with the machine's name: bench/results.json holds those of one machine, and other machines have files of
// their own beside it, so that a run on one never costs the figures of another.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { BenchRow } from './row.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
}

interface Results {
  readonly machine: Machine;
  readonly date: string;
  readonly rows: readonly BenchRow[];
}

export function thisMachine(): Machine {
  const cpus = os.cpus();
  return { cpu: cpus[0]?.model.trim() ?? 'unknown', cores: cpus.length, node: process.versions.node };
}

/**
 * Writes the rows into `folder`; other rows measured on the same machine stay.
 * @returns the file
 */
export async function keepRows(
  folder: string,
  rows: readonly BenchRow[],
  machine: Machine = thisMachine(),
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const shared = path.join(folder, 'results.json');
  const first = await readResults(shared);
  const isOurs = first === null || sameMachine(first.machine, machine);
  const file = isOurs ? shared : path.join(folder, `results-${nameOf(machine)}.json`);
  const before = isOurs ? first : await readResults(file);
  const others = (before?.rows ?? []).filter((old) => !rows.some(({ row }) => row === old.row));
  const results: Results = { machine, date: new Date().toISOString(), rows: [...others, ...rows].sort(byRow) };
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

/** Numbered rows first, by number. */
export function byRow({ row: a }: BenchRow, { row: b }: BenchRow): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Number(typeof a === 'string') - Number(typeof b === 'string');
}

async function readResults(file: string): Promise<Results | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Results);
}

function sameMachine(a: Machine, b: Machine): boolean {
  return a.cpu === b.cpu && a.cores === b.cores;
}

function nameOf({ cpu, cores }: Machine): string {
  const words = cpu.toLowerCase().match(/[a-z0-9]+/g) ?? ['unknown'];
  return `${words.join('-')}-${cores}`;
}
