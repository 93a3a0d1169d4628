// What is compared: topk dictionaries of one site of the model of tests/fixtures/tiny-lm, trained by us and by peers on the same stored
// rows with the same budget.
import path from 'node:path';
import { packageRoot } from '../../runtime/package-root.js';

export const PEERS = ['saelens', 'dictionary_learning'] as const;
export type Peer = (typeof PEERS)[number];
export type Side = 'assay' | Peer;

export const SITE = 'blocks.2.hook_resid_post';

export interface Comparison {
  readonly features: number;
  readonly batchRows: number;
  /** Of every training, on every side. */
  readonly steps: number;
  readonly sparsities: readonly number[];
  readonly seeds: readonly number[];
  /** Learning rates that each side is given; more where the best stands at the edge. */
  readonly rates: readonly number[];
  /** Where each side's rate is chosen, on the split calib; the seed is none of those that are reported. */
  readonly chosenAt: { readonly k: number; readonly seed: number };
  /** Steps that we may take to reach a peer's FVU, as shares of `steps`; 1 is among them. */
  readonly budgets: readonly number[];
  readonly threads: number;
  /** How often FVU of a peer is measured on the way. */
  readonly points: number;
}

/** One pass over the rows of the split fit. */
export const COMPARISON: Comparison = {
  ...{ features: 1024, batchRows: 2048, steps: 457, sparsities: [8, 16, 32, 64], seeds: [1, 2, 3] },
  ...{ rates: [4e-3, 8e-3, 16e-3], chosenAt: { k: 16, seed: 0 }, budgets: [0.5, 1, 1.5, 2], threads: 2, points: 8 },
};

/** What our defaults make of a budget, said to the peers too: twentieths of warm-up, a fifth of decay, dead after a tenth. */
export function courseOf({ steps }: Pick<Comparison, 'steps'>): {
  readonly warmupSteps: number;
  readonly decaySteps: number;
  readonly deadSteps: number;
} {
  return {
    warmupSteps: Math.floor(steps / 20),
    decaySteps: Math.floor(steps / 5),
    deadSteps: Math.max(1, Math.floor(steps / 10)),
  };
}

const TINY_LM = path.join(packageRoot(), 'tests', 'fixtures', 'tiny-lm');

/** A run file over the whole corpus, up to its activations. */
export function runFileOf(name: string, saes: readonly object[]): object {
  return {
    ...{ name, store: 'file://./data' },
    model: {
      onnx: path.join(TINY_LM, 'model.onnx'),
      tokenizer: path.join(TINY_LM, 'tokenizer.json'),
      ...{ contextTokens: 128, prepend: '<|endoftext|>' },
    },
    corpus: {
      sources: [path.join(TINY_LM, 'corpus.jsonl.gz')],
      ...{ id: 'id', text: 'text', split: { field: 'split' }, shardTokens: 65_536 },
    },
    activations: { hooks: [SITE], dropPositions: [0], batchTokens: 8192 },
    saes,
  };
}
