// Row 8: training the tiny GPT by our own gradients against PyTorch (bench/peers/train_tiny_gpt.py), in alternating fresh
// processes of one run. Without a Python that has PyTorch the step is held against its own matrix products only.
import { execFile, fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packageRoot } from '../../runtime/package-root.js';
import { meets, type BenchRow } from '../row.js';
import { BATCH, CONTEXT, THREADS, measure, median, type Measured } from './measure.js';

const ENTRY = fileURLToPath(import.meta.url);
const CHILD = 'training-measurement';
const MUST = '>= 1.0';
const ROUNDS = 5;
const CALLS = 4;
const PEER_STEPS = 8;
/** Names a Python with torch and transformers; unset: the peer is not measured. */
const PYTHON = 'ASSAY_BENCH_PYTHON';

interface Round {
  readonly own: Measured;
  /** Seconds per step of PyTorch; null where it is not measured. */
  readonly peer: number | null;
}

/** Row 8. */
export async function benchTraining(log: (text: string) => void): Promise<BenchRow[]> {
  const python = process.env[PYTHON];
  if (python === undefined || python === '')
    log(`PyTorch: not measured (set ${PYTHON} to a Python with torch and transformers)`);
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const own = await inFreshProcess();
    const peer = python ? await runPeer(python) : null;
    rounds.push({ own, peer });
    const beside = peer === null ? '' : `, PyTorch ${ms(peer)}`;
    log(`step ${ms(own.secondsPerStep)}, its products ${ms(own.secondsOfProducts)}${beside}`);
  }
  return rowsOf(rounds);
}

function rowsOf(rounds: readonly Round[]): BenchRow[] {
  const tokens = BATCH * CONTEXT;
  const own = median(rounds.map((round) => tokens / round.own.secondsPerStep));
  const compared = rounds.flatMap(({ own: { secondsPerStep }, peer }) =>
    peer === null ? [] : [{ ratio: peer / secondsPerStep, rate: tokens / peer }],
  );
  const conditions = `4 layers, width 128, 4,096 tokens, batch ${BATCH} × ${CONTEXT}, AdamW, clipping, ${THREADS} threads; ${own.toFixed(0)} tokens/s; median of ${rounds.length} alternating processes`;
  const products = median(rounds.map(({ own: o }) => o.secondsPerStep / o.secondsOfProducts));
  const floor: BenchRow = {
    row: 8,
    what: 'training step of the tiny GPT ÷ its matrix products alone',
    value: products,
    must: null,
    met: null,
    conditions,
  };
  if (compared.length === 0) return [{ ...floor, conditions: `${conditions}; PyTorch not measured` }];
  const value = median(compared.map(({ ratio }) => ratio));
  const peer = median(compared.map(({ rate }) => rate));
  return [
    {
      row: 8,
      what: 'training the tiny GPT: tokens/s ÷ PyTorch (sdpa)',
      value,
      must: MUST,
      met: meets(value, MUST),
      conditions: `${conditions}; PyTorch ${peer.toFixed(0)} tokens/s`,
    },
    floor,
  ];
}

/** Seconds per step of PyTorch, the median of its steps. */
async function runPeer(python: string): Promise<number> {
  const script = path.join(packageRoot(), 'bench', 'peers', 'train_tiny_gpt.py');
  const options = ['--steps', String(PEER_STEPS), '--threads', String(THREADS)];
  const { stdout } = await promisify(execFile)(python, [script, 'sdpa', ...options]);
  const line = stdout.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(line) as { msPerStep: number }).msPerStep / 1000;
}

/** A process with the memory settings of a compute child. */
async function inFreshProcess(): Promise<Measured> {
  const child = fork(ENTRY, [CHILD], {
    env: { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.on('message', (measured) => {
      resolve(measured as Measured);
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      reject(new RangeError(`A measurement of training ended with exit code ${code ?? 'none'}.`));
    });
  });
}

function ms(seconds: number): string {
  return `${(1000 * seconds).toFixed(0)} ms`;
}

if (process.argv[2] === CHILD) {
  process.send?.(await measure(CALLS));
  process.disconnect();
}
