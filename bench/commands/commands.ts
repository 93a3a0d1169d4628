// Row `commands` of the bench: CPU time until a command that only reads has ended, as a ratio to that of a bare `node -e 0` in
// the same run. CPU time, because a busy machine stretches the clock and not the work. Reads the demo's store.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { packageRoot } from '../../runtime/package-root.js';
import type { BenchRow } from '../row.js';

const REPEATS = 10;
const COMMANDS = [
  ['status', 'kjv'],
  ['metrics', 'kjv-l2'],
  ['top', 'kjv-l2', '77'],
  ['find', 'kjv-l2', 'In the beginning God created the heaven'],
] as const;

/** A line per command; none where the demo has not run here. */
export async function benchCommands(log: (text: string) => void): Promise<BenchRow[]> {
  const root = packageRoot();
  const store = path.join(root, 'examples', 'kjv', 'data');
  if (!existsSync(path.join(store, 'runs', 'kjv'))) {
    log(`no demo in ${store}: run \`npm run demo\` first; the row of commands is left out`);
    return [];
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-bench-commands-'));
  try {
    const assay = path.join(root, 'cli', 'assay.mjs');
    const lines = COMMANDS.map((args) => [assay, '--store', store, ...args]);
    const seconds = await measure([['-e', '0'], ...lines], { folder, log });
    const [bare = NaN, ...measured] = seconds;
    return COMMANDS.map(([name], i) => ({
      row: 'commands',
      what: `${name} on the demo, CPU time from start to end, ratio to a bare start of Node`,
      value: (measured[i] ?? NaN) / bare,
      must: null,
      met: null,
      conditions: `medians of ${REPEATS}, taken by turns; ${(measured[i] ?? NaN).toFixed(2)} s against ${bare.toFixed(2)} s`,
    }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Measuring {
  readonly folder: string;
  readonly log: (text: string) => void;
}

/** Median CPU seconds of each command line, measured by turns so that what disturbs one disturbs all. */
async function measure(lines: readonly (readonly string[])[], { folder, log }: Measuring): Promise<number[]> {
  const seconds: number[][] = lines.map(() => []);
  for (let round = 0; round <= REPEATS; round++) {
    log(`commands: round ${round} of ${REPEATS}`);
    for (const [i, args] of lines.entries()) {
      const used = await cpuSeconds(args, path.join(folder, 'cpu.txt'));
      // The first round fills the caches of files.
      if (round > 0) seconds[i]?.push(used);
    }
  }
  return seconds.map((values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN);
}

/** CPU seconds, user and system, of one start of Node; the process itself writes them down when it exits. */
async function cpuSeconds(args: readonly string[], file: string): Promise<number> {
  const report = `process.on('exit',()=>{const u=process.cpuUsage();require('fs').writeFileSync(${JSON.stringify(file)},String((u.user+u.system)/1e6))})`;
  const hook = `data:text/javascript,${encodeURIComponent(`import{createRequire}from'node:module';const require=createRequire('file:///');${report}`)}`;
  const child = spawn(process.execPath, ['--import', hook, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (value) => {
      resolve(value ?? -1);
    });
  });
  if (code !== 0) throw new RangeError(`node ${args.join(' ')} ended with ${code}: ${stderr}`);
  return Number(await readFile(file, 'utf8'));
}
