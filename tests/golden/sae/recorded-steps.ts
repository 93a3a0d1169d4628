// Fifty steps of a kind recorded from PyTorch (tests/fixtures/sae/make_sae.py), and the same steps by our step graph.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { KindSettings } from '../../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { dictionaryOptimiser } from '../../../core/dictionaries/settings.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { dictionaryTensors, parametersOf } from '../../../core/dictionaries/state.js';
import {
  STEP_NUMBERS,
  buildStepGraph,
  rowsFeed,
  type StepGraphSettings,
} from '../../../core/dictionaries/step-graph.js';
import { stepFactors } from '../../../core/optimise/optimisers/optimisers.js';
import { type StateArrays, startState, updatedName } from '../../../core/optimise/state.js';
import { factorFeed } from '../../../core/optimise/step-loop.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import type { ArchitectureName } from '../../../schemas/dictionaries.js';
import { SAE } from '../../harness/fixtures.js';

const fixture = (name: string): Buffer => readFileSync(path.join(SAE, name));

export interface RecordedStep {
  readonly loss: number;
  readonly rec: number;
  readonly sparsity: number;
  readonly aux: number;
  readonly l0: number;
  readonly dead: number;
}
const recordings = (
  JSON.parse(fixture('steps.json').toString()) as {
    kinds: Record<string, { V: number; float32: RecordedStep[] }>;
  }
).kinds;
const rows = asFloat32(decodeSafetensors(fixture('data.safetensors')).get('x') as SafeTensor);
/** Relative for losses; for weights relative to the tensor's largest value. */
const TOLERANCE = 1e-5;
const [B, WIDTH, FEATURES, STEPS] = [64, 32, 256, 50];

export function recordedSteps(kind: ArchitectureName): readonly RecordedStep[] {
  return recordings[kind]?.float32 ?? [];
}

export interface Recipe {
  readonly kind: ArchitectureName;
  readonly settings: KindSettings;
  /** 16 for the kinds that have it. */
  readonly kAux: number;
}

export interface Way {
  readonly scatter: 'rows' | 'dense';
  /** Steps of one Loop. */
  readonly perCall: number;
  readonly threads: number;
  readonly optimisation: 'disabled' | 'all';
}

export interface Trained {
  readonly state: StateArrays;
  readonly numbers: Readonly<Record<(typeof STEP_NUMBERS)[number], readonly number[]>>;
}

function settingsOf({ kind, settings, kAux }: Recipe, scatter: Way['scatter']): StepGraphSettings {
  return {
    ...{ kind: ARCHITECTURES[kind], settings, kAux, scatter },
    ...{ sites: oneSite(WIDTH), features: FEATURES, batchRows: B },
    auxWeight: 1 / 32,
    deadAfterTokens: 256,
    variance: recordings[kind]?.V ?? NaN,
    adam: { betas: [0.9, 0.999], epsilon: 1e-8 },
    clipNorm: null,
  };
}

/** All steps, `perCall` of them in one Loop. */
export async function runSteps(recipe: Recipe, { scatter, perCall, ...engine }: Way): Promise<Trained> {
  const settings = settingsOf(recipe, scatter);
  const weights = decodeSafetensors(fixture(`${recipe.kind}.safetensors`));
  const session = await Session.create(buildStepGraph(settings).toModelBytes(), { provider: 'cpu', ...engine });
  const tensors = dictionaryTensors(settings);
  const initial = parametersOf(settings).map(
    ({ name }) => [name, asFloat32(weights.get(`init.${name}`) as SafeTensor)] as const,
  );
  let state: StateArrays = startState(tensors, new Map(initial));
  const numbers = Object.fromEntries(STEP_NUMBERS.map((name) => [name, [] as number[]]));
  const schedule = { kind: 'constant', lr: 1e-3, steps: STEPS, warmupSteps: 0, finalFraction: 1 } as const;
  for (let from = 0; from < STEPS; from += perCall) {
    const count = Math.min(perCall, STEPS - from);
    const feeds = Object.fromEntries(
      tensors.map((t) => [t.name, { dtype: t.type, dims: t.shape, data: state.get(t.name) } as TensorValue]),
    );
    const data = rows.subarray(from * B * WIDTH, (from + count) * B * WIDTH);
    feeds[rowsFeed(0)] = { dtype: 'float32', dims: [count, B, WIDTH], data };
    for (const [name, factor] of stepFactors(dictionaryOptimiser(settings.adam), schedule, { from, count }))
      feeds[factorFeed(name)] = { dtype: 'float32', dims: [count], data: factor };
    const outputs = await session.run(feeds);
    state = new Map(tensors.map((t) => [t.name, outputs[updatedName(t.name)]?.data as Float32Array]));
    for (const name of STEP_NUMBERS) numbers[name]?.push(...(outputs[name]?.data as Float32Array));
  }
  await session.release();
  return { state, numbers: numbers as unknown as Trained['numbers'] };
}

/** Losses of every step and the final weights are those of PyTorch. */
export function expectRecorded(recipe: Recipe, { state, numbers }: Trained): void {
  const { kind } = recipe;
  const V = recordings[kind]?.V ?? NaN;
  const steps = recordedSteps(kind);
  expect(steps.length).toBe(STEPS);
  const near = (got: number, want: number): void => {
    expect(Math.abs(got - want)).toBeLessThanOrEqual(TOLERANCE * Math.abs(want));
  };
  steps.forEach((want, i) => {
    const at = (name: keyof Trained['numbers']): number => numbers[name][i] ?? NaN;
    const rec = at('squares') / (B * V);
    near(rec + at('sparsity') + at('aux') / 32, want.loss);
    near(rec, want.rec);
    near(at('sparsity'), want.sparsity);
    near(at('aux'), want.aux);
    expect(at('dead')).toBe(want.dead);
    expect(at('firings') / B).toBe(want.l0);
  });
  const weights = decodeSafetensors(fixture(`${kind}.safetensors`));
  for (const { name } of parametersOf(settingsOf(recipe, 'rows'))) {
    const want = asFloat32(weights.get(`final.${name}`) as SafeTensor);
    const got = state.get(name) as Float32Array;
    const largest = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    const worst = want.reduce((m, v, i) => Math.max(m, Math.abs(v - (got[i] ?? NaN))), 0);
    expect(worst / largest, name).toBeLessThan(TOLERANCE);
  }
}
