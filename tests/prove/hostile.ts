// Proof: 100,000 seeded hostile models, made from every fixture by damage to bytes and to fields, end in a value or in an
// error raised on purpose: no other exception, no hang, no crash, no unbounded memory, no file opened outside the model's
// folder. `--cases N` takes the first N, `--from N` starts later, `--seed TEXT` makes others.
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BOMBS } from '../hostile/bombs.js';
import { attempt, isIntended } from '../hostile/attempt.js';
import { ORT_ROLE, serveLoads } from '../hostile/ort-child.js';
import { runWorker, type WorkerNews, type WorkerPlan } from '../hostile/prove-worker.js';
import { FIXTURES } from '../harness/fixtures.js';

const ENTRY = fileURLToPath(import.meta.url);
const WORKERS = 2;
const HEAP_MEGABYTES = 1536;
/** A case that has not ended after this is a hang. */
const HANG_MS = 30_000;
const LOUD_EVERY = 10_000;

type CaseEnd = Extract<WorkerNews, { type: 'end' }>;

/** What all cases came to. */
class Tally {
  readonly ends = new Map<string, Map<string, number>>();
  readonly ort = new Map<string, number>();
  readonly violations: string[] = [];
  done = 0;
  slowest: { readonly ms: number; readonly what: string } = { ms: 0, what: 'none' };
  peakRss = 0;

  add(news: CaseEnd): void {
    this.done++;
    const kind = news.name.split(' ')[0] ?? '';
    const row = this.ends.get(news.end) ?? new Map<string, number>();
    this.ends.set(news.end, row);
    row.set(kind, (row.get(kind) ?? 0) + 1);
    if (news.ort !== null) this.ort.set(news.ort, (this.ort.get(news.ort) ?? 0) + 1);
    if (news.ms > this.slowest.ms) this.slowest = { ms: news.ms, what: `case ${news.n}, ${news.name}, ${news.end}` };
    this.peakRss = Math.max(this.peakRss, news.rssBytes);
    if (news.violation !== null) this.violate(news.n, news.name, news.violation);
    if (this.done % LOUD_EVERY === 0) say(`${this.done} cases`);
  }

  violate(n: number, name: string, what: string): void {
    this.violations.push(what);
    if (this.violations.length <= 20) say(`VIOLATION in case ${n} (${name}): ${what}`);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs a worker's share; a worker that hangs or dies is a violation, and another goes on behind the case. */
async function runShare(plan: WorkerPlan, tally: Tally): Promise<void> {
  for (let from = plan.from; from < plan.to;) {
    const child = fork(ENTRY, ['worker', JSON.stringify({ ...plan, from })], {
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
      serialization: 'advanced',
    });
    const last = await watchWorker(child, tally);
    if (last === null) return;
    from = last + plan.step;
  }
}

interface WorkerState {
  current: { readonly n: number; readonly name: string; readonly since: number } | null;
  hung: boolean;
}

/** The case in which the worker hung or died; null where it did its share. */
async function watchWorker(child: ChildProcess, tally: Tally): Promise<number | null> {
  const state: WorkerState = { current: null, hung: false };
  child.on('message', (news: WorkerNews) => {
    if (news.type === 'start') state.current = { n: news.n, name: news.name, since: Date.now() };
    else {
      state.current = null;
      tally.add(news);
    }
  });
  const watch = setInterval(() => {
    // Loading in ONNX Runtime has a time limit of its own.
    const { current } = state;
    if (current === null || Date.now() - current.since < 2 * HANG_MS) return;
    state.hung = true;
    child.kill('SIGKILL');
  }, 1000);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('exit', (...ended) => {
      resolve(ended);
    });
  });
  clearInterval(watch);
  const left = state.current;
  if (left === null) {
    if (code !== 0) throw new RangeError(`A worker ended with ${code ?? signal ?? 'nothing'} between two cases.`);
    return null;
  }
  tally.done++;
  const how = state.hung
    ? `no end after ${(2 * HANG_MS) / 1000} s`
    : `the process died (${signal ?? `exit code ${code ?? 'none'}`})`;
  tally.violate(left.n, left.name, how);
  return left.n;
}

/** The files made to cost much, in this process. */
function runBombs(tally: Tally): void {
  for (const { name, bytes } of BOMBS) {
    try {
      const { ms, outcome, step } = attempt(bytes());
      if (ms > HANG_MS) tally.violate(-1, name, `${(ms / 1000).toFixed(0)} s until ${outcome} at ${step}`);
    } catch (error) {
      if (!isIntended(error)) tally.violate(-1, name, String(error));
    }
  }
  say(`${BOMBS.length} files made to cost much: ${tally.violations.length} violations`);
}

function report(tally: Tally, seconds: number): void {
  const kinds = [...new Set([...tally.ends.values()].flatMap((row) => [...row.keys()]))].sort();
  const cell = (text: string | number): string => String(text).padStart(11);
  say(`\n${'end'.padEnd(26)}${['all', ...kinds].map(cell).join('')}`);
  for (const [end, row] of [...tally.ends].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const all = [...row.values()].reduce((a, b) => a + b, 0);
    say(`${end.padEnd(26)}${[all, ...kinds.map((kind) => row.get(kind) ?? 0)].map(cell).join('')}`);
  }
  const ort = [...tally.ort].sort(([a], [b]) => (a < b ? -1 : 1)).map(([end, count]) => `${end} ${count}`);
  say(`\nONNX Runtime, asked about survivors in a compute child: ${ort.join(', ') || 'not asked'}`);
  say(`slowest: ${tally.slowest.ms.toFixed(0)} ms, ${tally.slowest.what}`);
  say(`greatest resident memory of a worker: ${(tally.peakRss / 2 ** 20).toFixed(0)} MiB`);
  say(`${tally.done} cases in ${seconds.toFixed(0)} s, ${tally.violations.length} violations`);
}

async function main(): Promise<boolean> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { cases: text, from: text, seed: text } });
  const from = Number(values.from ?? 0);
  const to = from + Number(values.cases ?? 100_000);
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-hostile-'));
  const tally = new Tally();
  const started = Date.now();
  try {
    runBombs(tally);
    const plans = Array.from({ length: WORKERS }, (_, worker): WorkerPlan => ({
      from: from + worker,
      to,
      step: WORKERS,
      seed: values.seed ?? 'assay prove hostile',
      fixtures: FIXTURES,
      folder: path.join(folder, String(worker)),
      entry: ENTRY,
    }));
    await Promise.all(plans.map((plan) => runShare(plan, tally)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  report(tally, (Date.now() - started) / 1000);
  return tally.violations.length === 0 && tally.done === to - from;
}

if (process.env[ORT_ROLE] !== undefined) serveLoads();
else if (process.argv[2] === 'worker') {
  const plan = JSON.parse(process.argv[3] ?? '') as WorkerPlan;
  await runWorker(plan, (news) => process.send?.(news));
  process.disconnect();
} else process.exitCode = (await main()) ? 0 : 1;
