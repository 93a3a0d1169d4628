// Fifty steps of a kind recorded from PyTorch (tests/fixtures/sae/make_sae.py), and the same steps by our step graph, in float32 and
// in float64.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { KindSettings } from '../../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { dictionaryOptimiser } from '../../../core/dictionaries/settings.js';
import type { DictionarySites } from '../../../core/dictionaries/sites.js';
import { dictionaryTensors, trainedOf } from '../../../core/dictionaries/state.js';
import {
  STEP_NUMBERS,
  buildStepGraph,
  rowsFeed,
  type StepGraphSettings,
} from '../../../core/dictionaries/step-graph.js';
import { exactStepFactors } from '../../../core/optimise/optimisers/optimisers.js';
import { updatedName } from '../../../core/optimise/state.js';
import { factorFeed } from '../../../core/optimise/step-loop.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import type { ArchitectureName } from '../../../schemas/dictionaries.js';
import { SAE } from '../../harness/fixtures.js';

/** Kinds of one site, and a transcoder: all that make_sae.py records. */
export const RECORDED_WIDTH = 32;

export interface RecordedStep {
  readonly loss: number;
  readonly rec: number;
  readonly sparsity: number;
  readonly aux: number;
  readonly l0: number;
  readonly dead: number;
}

/** What is trained, and where its steps are recorded. */
export interface Recipe {
  /** Name of the recording: NAME.safetensors and an entry of steps.json. */
  readonly name: string;
  readonly kind: ArchitectureName;
  readonly settings: KindSettings;
  /** 16 for the kinds that have it. */
  readonly kAux: number;
  readonly sites: DictionarySites;
  /** Tensor of data.safetensors with the rows of each site. */
  readonly rows: readonly string[];
  readonly features: number;
  readonly betas: readonly [number, number];
  /** Folder of the recording; default that of make_sae.py. */
  readonly folder?: string;
  /** Numbers of the rows that are taken, in order, 64 a step; default all from the first on. */
  readonly picked?: readonly number[];
}

export interface Way {
  /** Steps of one Loop. */
  readonly perCall: number;
  readonly threads: number;
  readonly optimisation: 'disabled' | 'all';
  readonly float?: 'float32' | 'float64';
}

type Floats = Float32Array | Float64Array;
export interface Trained {
  readonly state: ReadonlyMap<string, Floats | BigInt64Array>;
  readonly numbers: Readonly<Record<(typeof STEP_NUMBERS)[number], readonly number[]>>;
}

const [B, STEPS] = [64, 50];

function fixture({ folder = SAE }: Pick<Recipe, 'folder'>, file: string): Buffer {
  return readFileSync(path.join(folder, file));
}

interface Recording {
  readonly V: number;
  readonly float32: readonly RecordedStep[];
  readonly float64: readonly RecordedStep[];
}

/** V of the rows written, in float64: the recorded one is float32's. */
function exactVariance(recipe: Recipe): number {
  const data = decodeSafetensors(readFileSync(path.join(SAE, 'data.safetensors')));
  return recipe.sites.writes.reduce((sum, site) => {
    const rows = asFloat32(data.get(recipe.rows[site] ?? '') as SafeTensor);
    const width = recipe.sites.widths[site] ?? 0;
    const mean = new Float64Array(width);
    rows.forEach((value, i) => (mean[i % width] = (mean[i % width] as number) + value));
    const count = rows.length / width;
    const squares = rows.reduce((total, value, i) => total + (value - (mean[i % width] as number) / count) ** 2, 0);
    return sum + squares / count;
  }, 0);
}

export function recordingOf(recipe: Pick<Recipe, 'name' | 'folder'>): Recording {
  const { kinds } = JSON.parse(fixture(recipe, 'steps.json').toString()) as { kinds: Record<string, Recording> };
  return kinds[recipe.name] as Recording;
}

/** A recipe of an autoencoder with 256 features on the recorded rows. */
export function recipeOf(
  kind: ArchitectureName,
  settings: KindSettings,
  { kAux = 0, betas = [0.9, 0.999] }: Partial<Pick<Recipe, 'kAux' | 'betas'>> = {},
): Recipe {
  const sites = { widths: [RECORDED_WIDTH], reads: [0], writes: [0] };
  return { ...{ name: kind, kind, settings, kAux, betas, sites }, rows: ['x'], features: 256 };
}

function settingsOf(recipe: Recipe, { float = 'float32' }: Pick<Way, 'float'>): StepGraphSettings {
  const { kind, settings, kAux, sites, features, betas } = recipe;
  return {
    ...{ kind: ARCHITECTURES[kind], settings, kAux, float, sites, features, batchRows: B },
    auxWeight: 1 / 32,
    deadAfterTokens: 256,
    variance: float === 'float64' ? exactVariance(recipe) : recordingOf(recipe).V,
    adam: { betas, epsilon: 1e-8 },
    clipNorm: null,
  };
}

function pickRows(rows: Float32Array, width: number, picked: Recipe['picked']): Float32Array {
  if (!picked) return rows;
  const own = new Float32Array(picked.length * width);
  picked.forEach((row, i) => {
    own.set(rows.subarray(row * width, (row + 1) * width), i * width);
  });
  return own;
}

/** All steps, `perCall` of them in one Loop. */
export async function runSteps(recipe: Recipe, { perCall, threads, optimisation, ...way }: Way): Promise<Trained> {
  const settings = settingsOf(recipe, way);
  const { float = 'float32' } = way;
  const floats = (values: Iterable<number>): Floats =>
    float === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  const weights = decodeSafetensors(fixture(recipe, `${recipe.name}.safetensors`));
  const data = decodeSafetensors(readFileSync(path.join(SAE, 'data.safetensors')));
  const rows = recipe.rows.map((name, site) =>
    floats(pickRows(asFloat32(data.get(name) as SafeTensor), recipe.sites.widths[site] ?? 0, recipe.picked)),
  );
  const session = await Session.create(buildStepGraph(settings).toModelBytes(), {
    provider: 'cpu',
    threads,
    optimisation,
  });
  const tensors = dictionaryTensors(settings);
  let state = new Map<string, Floats | BigInt64Array>(
    tensors.map(({ name, shape, type }) => {
      const first = weights.get(`init.${name}`);
      const size = shape.reduce((a, b) => a * b, 1);
      if (type === 'int64') return [name, new BigInt64Array(size)];
      return [name, floats(first ? asFloat32(first) : new Float32Array(size))];
    }),
  );
  const numbers = Object.fromEntries(STEP_NUMBERS.map((name) => [name, [] as number[]]));
  const schedule = { kind: 'constant', lr: 1e-3, steps: STEPS, warmupSteps: 0, finalFraction: 1 } as const;
  for (let from = 0; from < STEPS; from += perCall) {
    const count = Math.min(perCall, STEPS - from);
    const feeds: Record<string, TensorValue> = Object.fromEntries(
      tensors.map((t) => [
        t.name,
        { dtype: t.type === 'int64' ? 'int64' : float, dims: t.shape, data: state.get(t.name) } as TensorValue,
      ]),
    );
    recipe.sites.widths.forEach((width, site) => {
      const batch = (rows[site] as Floats).subarray(from * B * width, (from + count) * B * width);
      feeds[rowsFeed(site)] = { dtype: float, dims: [count, B, width], data: batch } as TensorValue;
    });
    for (const [name, factor] of exactStepFactors(dictionaryOptimiser(settings.adam), schedule, { from, count }))
      feeds[factorFeed(name)] = { dtype: float, dims: [count], data: floats(factor) } as TensorValue;
    const outputs = await session.run(feeds);
    state = new Map(tensors.map((t) => [t.name, outputs[updatedName(t.name)]?.data as Floats]));
    for (const name of STEP_NUMBERS) numbers[name]?.push(...(outputs[name]?.data as Floats));
  }
  await session.release();
  return { state, numbers: numbers as unknown as Trained['numbers'] };
}

/** Losses of every step, relative, and the final weights, relative to the tensor's largest value. */
export interface Tolerance {
  readonly loss: number;
  readonly weights: number;
  /** Of b_enc, where near-ties in a selection amplify rounding. */
  readonly bias?: number;
}

/** Where rounding is all that differs. */
export const ROUNDING: Tolerance = { loss: 1e-5, weights: 1e-5 };
/** Where a near-tie in the selection over a batch amplifies rounding. */
export const NEAR_TIES: Tolerance = { loss: 5e-5, weights: 5e-4, bias: 5e-3 };
/** float64 against float64. */
export const EXACT: Tolerance = { loss: 1e-9, weights: 1 };

interface Judgement {
  readonly tolerance?: Tolerance;
  /** Whose recorded losses are meant. */
  readonly float?: 'float32' | 'float64';
}

/** Losses of every step and the final weights are those of PyTorch. */
export function expectRecorded(
  recipe: Recipe,
  { state, numbers }: Trained,
  { tolerance = ROUNDING, float = 'float32' }: Judgement = {},
): void {
  const steps = recordingOf(recipe)[float];
  const V = float === 'float64' ? exactVariance(recipe) : recordingOf(recipe).V;
  expect(steps.length).toBe(STEPS);
  const near = (got: number, want: number, what: string): void => {
    expect(Math.abs(got - want), `${what}: ${got} against ${want}`).toBeLessThanOrEqual(
      tolerance.loss * Math.abs(want),
    );
  };
  // A near-tie may move single firings where rounding differs.
  const exactCounts = tolerance.loss <= ROUNDING.loss;
  steps.forEach((want, i) => {
    const at = (name: keyof Trained['numbers']): number => numbers[name][i] ?? NaN;
    const rec = at('squares') / (B * V);
    near(rec + at('sparsity') + at('aux') / 32, want.loss, `loss of step ${i}`);
    near(rec, want.rec, `rec of step ${i}`);
    near(at('sparsity'), want.sparsity, `sparsity of step ${i}`);
    if (exactCounts) near(at('aux'), want.aux, `aux of step ${i}`);
    if (exactCounts) expect(at('dead')).toBe(want.dead);
    if (exactCounts) expect(at('firings') / B).toBe(want.l0);
  });
  const weights = decodeSafetensors(fixture(recipe, `${recipe.name}.safetensors`));
  for (const { name } of trainedOf(settingsOf(recipe, {}))) {
    const want = asFloat32(weights.get(`final.${name}`) as SafeTensor);
    const got = state.get(name) as Floats;
    const largest = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const worst = want.reduce((m, v, i) => Math.max(m, Math.abs(v - (got[i] ?? NaN))), 0);
    const most = name.startsWith('b_enc') ? (tolerance.bias ?? tolerance.weights) : tolerance.weights;
    expect(worst / largest, name).toBeLessThan(most);
  }
}

/** How every kind is proved: optimised or not, in one thread and in two, in one Loop and in many. */
export const WAYS: readonly Way[] = [
  { optimisation: 'disabled', threads: 1, perCall: 50 },
  { optimisation: 'all', threads: 2, perCall: 7 },
];
export const FLOAT64: Way = { optimisation: 'all', threads: 1, perCall: 50, float: 'float64' };
