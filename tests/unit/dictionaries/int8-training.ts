// Small trainings of topk with candidates in 8 bits or exact ones, for tests.
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { type DictionarySettings, completeSettings } from '../../../core/dictionaries/settings.js';
import type { DictionarySites } from '../../../core/dictionaries/sites.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { IntegerProduct, multipliesExactly } from '../../../dictionaries/integer-product.js';
import { type DictionaryStep } from '../../../dictionaries/step.js';
import type { EngineParts, StateValues, StepTold, TrainingEngine } from '../../../stages/train/engines/engine.js';

export const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all', ort: 'any' } as const;
export const SITE: DictionarySites = { widths: [24], reads: [0], writes: [0] };
export const SKIP: DictionarySites = { widths: [24, 10], reads: [0], writes: [1], skip: true };
export const B = 48;

export interface Asked {
  readonly candidates?: 'int8';
  readonly features?: number;
  readonly sites?: DictionarySites;
  readonly more?: Partial<DictionarySettings>;
}

export function parts({ candidates, features = 512, sites = SITE, more }: Asked): EngineParts {
  const sae = completeSettings(
    {
      ...{ architecture: 'topk', features, k: 6, tokens: B * 400, batchRows: B, seed: 3, lr: 2e-3 },
      ...{ warmupSteps: 0, decayFraction: 0, betas: null, epsilon: 1e-8, clipNorm: 0.5, auxK: 12, auxWeight: 1 / 32 },
      ...{ deadAfterTokens: 6 * B, logEverySteps: 1, ...(candidates && { candidates }), ...more },
    },
    sites.widths[0] as number,
  );
  return {
    ...{ shape: { kind: ARCHITECTURES.topk, sites, features }, sae, variance: 9, scales: sites.widths.map(() => 1) },
    engine: ENGINE,
    means: sites.widths.map((width) => new Float64Array(width)),
  };
}

/** Rows of each site for one step. */
export function rowsOf(sites: DictionarySites, step: number): Float32Array[] {
  const random = new KeyedRandom('rows', step);
  return sites.widths.map((width) => Float32Array.from({ length: B * width }, () => random.nextNormal()));
}

/** Steps from `from` on; what is told of each. */
export async function train(
  engine: TrainingEngine,
  { from = 0, to, sites = SITE }: { readonly from?: number; readonly to: number; readonly sites?: DictionarySites },
): Promise<StepTold[]> {
  const told: StepTold[] = [];
  for (let step = from; step < to; step++)
    told.push(...(await engine.train(rowsOf(sites, step), { from: step, count: 1 })));
  return told;
}

export async function stateOf(engine: TrainingEngine): Promise<ReadonlyMap<string, StateValues>> {
  const state = new Map<string, StateValues>();
  for (const tensor of engine.tensors) {
    const chunks: StateValues[] = [];
    for await (const values of engine.read(tensor)) chunks.push(values);
    state.set(tensor.name, joined(chunks));
  }
  return state;
}

/** A state is loaded into an engine, as from a checkpoint. */
export async function load(engine: TrainingEngine, state: ReadonlyMap<string, StateValues>): Promise<void> {
  await engine.load(({ name, shape }, from, count) => {
    const values = state.get(name) as Float32Array;
    const width = values.length / (shape[0] as number);
    return Promise.resolve(values.slice(from * width, (from + count) * width));
  });
}

/** Sets the rows of encoder and decoder. */
export async function setWeights({ links }: DictionaryStep, W: Float32Array, width: number): Promise<void> {
  for (const link of links) {
    const { first, features } = link.settings.slice;
    const data = W.slice(width * first, width * (first + features));
    for (const tensor of ['W_enc', 'W_dec']) await link.write({ tensor, from: 0, count: features, data });
  }
}

/** Of a key. */
export const featureOf = (key: bigint): number => Number(~key & 0xffffffffn);

export const exactHere = await (async () => {
  const product = await IntegerProduct.create(ENGINE);
  const exact = await multipliesExactly((of) => product.multiply(of));
  await product.release();
  return exact;
})();

/** Chunks end to end. */
function joined(chunks: readonly StateValues[]): StateValues {
  const [first = new Float32Array(0)] = chunks;
  const all = new (first.constructor as Float32ArrayConstructor)(chunks.reduce((n, { length }) => n + length, 0));
  let at = 0;
  for (const chunk of chunks as readonly Float32Array[]) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
