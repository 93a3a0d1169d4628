// Row 8: training the tiny GPT by our own gradients against PyTorch (bench/peers/train_tiny_gpt.py), in alternating fresh
// processes of one run. Without a Python that has PyTorch the step is held against its own matrix products only.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { noPeerPython, peerPython, runPeerScript } from '../peers/python.js';
import { meets, type BenchRow } from '../row.js';
import { BATCH, CONTEXT, THREADS, measure, median, type Measured } from './measure.js';

const ENTRY = fileURLToPath(import.meta.url);
const CHILD = 'training-measurement';
const MUST = '>= 1.0';
const ROUNDS = 5;
const CALLS = 4;
const PEER_STEPS = 8;

interface Round {
  readonly own: Measured;
  /** Seconds per step of PyTorch; null where it is not measured. */
  readonly peer: number | null;
}

/** Row 8. */
export async function benchTraining(log: (text: string) => void): Promise<BenchRow[]> {
  const python = peerPython();
  if (python === null) log(`PyTorch: not measured (${noPeerPython('torch and transformers')})`);
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
  const options = ['sdpa', '--steps', String(PEER_STEPS), '--threads', String(THREADS)];
  const { msPerStep } = await runPeerScript<{ readonly msPerStep: number }>(python, 'train_tiny_gpt.py', options);
  return msPerStep / 1000;
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
