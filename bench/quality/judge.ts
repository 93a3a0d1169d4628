// One judge for all: our dictionaries, trained by `assay run`, and those of the peers, taken by `from:` on the same corpus, are measured
// by `assay sae eval` on the documents of the split test.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runAssay } from '../orchestration/assay-process.js';
import { type Comparison, type Side, PEERS, SITE, runFileOf } from './settings.js';

export interface Measured {
  readonly value: number;
  readonly lo: number;
  readonly hi: number;
}

export interface Judged {
  readonly side: Side;
  readonly k: number;
  readonly seed: number;
  readonly fvu: Measured;
  /** Nats by which cross-entropy rises with the dictionary in the model's place. */
  readonly deltaCe: Measured;
  readonly l0: number;
  /** Features without a firing. */
  readonly silent: number;
}

/** A local stack in `folder` while `work` goes on; nothing of it runs while trainings are timed. */
export async function withStack<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await runAssay(['up'], { cwd: folder });
  try {
    return await work();
  } finally {
    await runAssay(['down'], { cwd: folder });
  }
}

/** Runs a file to the end of a stage. */
export async function runUntil(folder: string, file: { readonly name: string }, stage: string): Promise<void> {
  const yaml = path.join(folder, `${file.name}.yaml`);
  await writeFile(yaml, JSON.stringify(file, null, 2)); // JSON is YAML
  await runAssay(['run', yaml, '--until', stage, '--follow'], { cwd: folder });
}

/** Our run: a sweep over sparsities and seeds. */
export function ownRun({ features, sparsities, seeds, steps, batchRows, threads }: Comparison, lr: number): object {
  const sae = { name: 'd-{{k}}-{{seed}}', hook: SITE, architecture: 'topk', features, lr, batchRows };
  const budget = { tokens: steps * batchRows, slices: threads };
  return runFileOf('assay', [{ ...sae, ...budget, sweep: { k: sparsities, seed: seeds } }]);
}

/** A run of dictionaries that a peer saved in `folder/saved/PEER-K-SEED`. */
export function peerRun(peer: Side, folder: string, { sparsities, seeds }: Comparison): object {
  const saes = sparsities.flatMap((k) =>
    seeds.map((seed) => ({ name: `d-${k}-${seed}`, from: savedAt(folder, { side: peer, k, seed }), hook: SITE })),
  );
  return runFileOf(peer, saes);
}

/** Which dictionary. */
export type Which = Pick<Judged, 'side' | 'k' | 'seed'>;

export function savedAt(folder: string, { side, k, seed }: Which): string {
  return path.join(folder, 'saved', `${side}-${k}-${seed}`);
}

export interface JudgeParts {
  readonly folder: string;
  readonly of: Comparison;
  /** Our learning rate. */
  readonly lr: number;
  readonly log: (text: string) => void;
}

/** Runs them all and measures every dictionary. */
export async function judge({ folder, of, lr, log }: JudgeParts): Promise<Judged[]> {
  const files = [ownRun(of, lr), ...PEERS.map((peer) => peerRun(peer, folder, of))];
  const judged: Judged[] = [];
  for (const file of files as { readonly name: Side }[]) {
    log(`run ${file.name}`);
    await runUntil(folder, file, 'encode');
    const asked = of.sparsities.flatMap((k) => of.seeds.map((seed) => ({ side: file.name, k, seed })));
    // Two at a time: an evaluation waits for its children half of the time.
    for (let at = 0; at < asked.length; at += 2)
      judged.push(...(await Promise.all(asked.slice(at, at + 2).map((one) => evaluate(folder, one)))));
  }
  return judged;
}

async function evaluate(folder: string, of: Which): Promise<Judged> {
  const args = ['sae', 'eval', `${of.side}/d-${of.k}-${of.seed}`, '--json'];
  const { metrics } = JSON.parse((await runAssay(args, { cwd: folder })).stdout) as {
    readonly metrics: Readonly<Record<'fvu' | 'deltaCeNats' | 'l0' | 'silent', Measured>>;
  };
  const only = ({ value, lo, hi }: Measured): Measured => ({ value, lo, hi });
  const { fvu, deltaCeNats, l0, silent } = metrics;
  return { ...of, fvu: only(fvu), deltaCe: only(deltaCeNats), l0: l0.value, silent: silent.value };
}
