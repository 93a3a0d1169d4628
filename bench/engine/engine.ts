// The engine's own cost on a model of GPT-2's small size with its weights in a file beside it: opening, resolving and cutting,
// and differentiating. Each measurement is a fresh process, because a command pays for cold code.
import { fork } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeModel, encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { writeGpt2 } from '../extraction/gpt2-model.js';
import { meets, type BenchRow } from '../row.js';
import type { Measured, Work } from './measure.js';
import { verboseGraph } from './verbose-graph.js';

const ENTRY = fileURLToPath(import.meta.url);
const CHILD = 'engine-measurement';
const OPEN_SECONDS = '<= 3';
const OPEN_MEGABYTES = '<= 300';
const VJP_SECONDS = '<= 2';
const REPEATS = 5;

/** The rows `engine`. */
export async function benchEngine(log: (text: string) => void): Promise<BenchRow[]> {
  const folder = path.resolve('.cache', 'bench', 'gpt2-small');
  log(`writing or finding a GPT-2 of the small size in ${folder}`);
  const compact = await writeGpt2(folder);
  const verbose = path.join(folder, 'verbose.onnx');
  const rewritten = verboseGraph(decodeModel(await readFile(compact)));
  await writeFile(verbose, joinChunks(encodeModel(rewritten)));
  const rows: BenchRow[] = [];
  for (const [name, file] of [
    ['compact', compact],
    ['verbose', verbose],
  ] as const) {
    for (const work of ['open', 'vjp-site', 'vjp-parameters'] as const) {
      const all: Measured[] = [];
      for (let i = 0; i < REPEATS; i++) all.push(await inFreshProcess(work, file));
      const made = rowsOf(work, name, all);
      for (const { what, value } of made) log(`${what}: ${value.toPrecision(3)}`);
      rows.push(...made);
    }
  }
  return rows;
}

function rowsOf(work: Work, graph: string, all: readonly Measured[]): BenchRow[] {
  const seconds = median(all.map((one) => one.seconds));
  const { nodesBefore, nodesAfter } = all[0] as Measured;
  const conditions = `GPT-2 small shape, 124M parameters in an external file, ${graph} graph of ${nodesBefore} nodes${nodesAfter === 0 ? '' : `, ${nodesAfter} after`}, median of ${all.length} fresh processes`;
  const row = (what: string, value: number, must: string): BenchRow => ({
    row: 'engine',
    what,
    value,
    must,
    met: meets(value, must),
    conditions,
  });
  if (work !== 'open') {
    const target = work === 'vjp-site' ? 'blocks.0.hook_resid_post' : 'all parameters';
    return [row(`differentiating the logits by ${target}, graph work: s`, seconds, VJP_SECONDS)];
  }
  const megabytes = Math.max(...all.map((one) => one.anonymousBytes)) / 2 ** 20;
  return [
    row('opening (all bytes hashed), resolving, cutting to one site: s', seconds, OPEN_SECONDS),
    row('the same: peak MiB besides file pages', megabytes, OPEN_MEGABYTES),
  ];
}

async function inFreshProcess(work: Work, file: string): Promise<Measured> {
  const child = fork(ENTRY, [CHILD, work, file], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.on('message', (measured) => {
      resolve(measured as Measured);
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      reject(new RangeError(`A measurement of ${work} ended with exit code ${code ?? 'none'}.`));
    });
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

if (process.argv[2] === CHILD) {
  const [, , , work, file = ''] = process.argv;
  const { measure } = await import('./measure.js');
  process.send?.(await measure(work as Work, file));
  process.disconnect();
}
