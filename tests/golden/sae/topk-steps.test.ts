// Fifty steps recorded from PyTorch (tests/fixtures/sae/make_sae.py) against our step graph: losses within 1e-5 relative, weights
// within 1e-5 of the tensor's largest value.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { stepFactors } from '../../../core/dictionaries/schedule.js';
import { startState, stateTensors } from '../../../core/dictionaries/state.js';
import {
  STEP_FEEDS,
  buildStepGraph,
  updatedName,
  type StepGraphSettings,
} from '../../../core/dictionaries/step-graph.js';
import { asFloat32, decodeSafetensors } from '../../../core/tensor/safetensors.js';
import { Session, type TensorValue } from '../../../runtime/session.js';

const fixture = (name: string): Buffer =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/sae/${name}`, import.meta.url)));

interface Recorded {
  readonly loss: number;
  readonly rec: number;
  readonly aux: number;
  readonly l0: number;
  readonly dead: number;
}
const recorded = (
  JSON.parse(fixture('steps.json').toString()) as {
    kinds: Record<'topk', { V: number; float32: Recorded[] }>;
  }
).kinds.topk;
const weights = decodeSafetensors(fixture('topk.safetensors'));
const rows = asFloat32(decodeSafetensors(fixture('data.safetensors')).get('x') as never);
const NAMES = ['W_enc', 'b_enc', 'W_dec', 'b_dec'] as const;
const [B, STEPS, TOLERANCE] = [64, 50, 1e-5];

const settings = (scatter: 'rows' | 'dense'): StepGraphSettings => ({
  architecture: 'topk',
  width: 32,
  features: 256,
  batchRows: B,
  k: 4,
  kAux: 16,
  auxWeight: 1 / 32,
  deadAfterTokens: 256,
  variance: recorded.V,
  adam: { betas: [0.9, 0.999], epsilon: 1e-8, clipNorm: null },
  scatter,
});

/** All steps, `perCall` of them in one Loop. */
async function run(
  scatter: 'rows' | 'dense',
  perCall: number,
  engine: { readonly threads: number; readonly optimisation: 'disabled' | 'all' },
): Promise<{ state: Map<string, unknown>; numbers: Record<string, number[]> }> {
  const s = settings(scatter);
  const session = await Session.create(buildStepGraph(s).toModelBytes(), {
    provider: 'cpu',
    ...engine,
  });
  const initial = new Map(NAMES.map((name) => [name, asFloat32(weights.get(`init.${name}`) as never)]));
  let state: ReadonlyMap<string, unknown> = startState(s, initial);
  const numbers: Record<string, number[]> = {};
  const plan = {
    steps: STEPS,
    lr: 1e-3,
    warmupSteps: 0,
    decaySteps: 0,
    kAux: 16,
    deadAfterTokens: 256,
    calibSteps: [],
  };
  for (let from = 0; from < STEPS; from += perCall) {
    const count = Math.min(perCall, STEPS - from);
    const { rate, correction } = stepFactors(plan, [0.9, 0.999], { from, count });
    const feeds = Object.fromEntries(
      stateTensors(s).map((t) => [t.name, { dtype: t.type, dims: t.shape, data: state.get(t.name) } as TensorValue]),
    );
    feeds[STEP_FEEDS.rows] = {
      dtype: 'float32',
      dims: [count, B, 32],
      data: rows.subarray(from * B * 32, (from + count) * B * 32),
    };
    feeds[STEP_FEEDS.rate] = { dtype: 'float32', dims: [count], data: rate };
    feeds[STEP_FEEDS.correction] = { dtype: 'float32', dims: [count], data: correction };
    const outputs = await session.run(feeds);
    state = new Map(stateTensors(s).map((t) => [t.name, outputs[updatedName(t.name)]?.data]));
    for (const name of ['sse', 'aux', 'firings', 'dead', 'sst', 'gradient_squares'])
      (numbers[name] ??= []).push(...(outputs[name]?.data as Float32Array));
  }
  await session.release();
  return { state: new Map(state), numbers };
}

describe('fifty topk steps recorded from PyTorch', () => {
  it.each([
    { optimisation: 'disabled', threads: 1, scatter: 'rows', perCall: 50 },
    { optimisation: 'all', threads: 1, scatter: 'rows', perCall: 50 },
    { optimisation: 'disabled', threads: 2, scatter: 'dense', perCall: 50 },
    { optimisation: 'all', threads: 2, scatter: 'dense', perCall: 7 },
  ] as const)(
    'are reproduced at optimisation $optimisation with $threads thread(s), $perCall per Loop',
    async ({ optimisation, threads, scatter, perCall }) => {
      const { state, numbers } = await run(scatter, perCall, { optimisation, threads });
      recorded.float32.forEach((expected, i) => {
        const rec = (numbers['sse']?.[i] ?? NaN) / (B * recorded.V);
        const aux = numbers['aux']?.[i] ?? NaN;
        expect(Math.abs(rec + aux / 32 - expected.loss) / expected.loss).toBeLessThan(TOLERANCE);
        expect(Math.abs(rec - expected.rec) / expected.rec).toBeLessThan(TOLERANCE);
        expect(Math.abs(aux - expected.aux)).toBeLessThanOrEqual(TOLERANCE * expected.aux);
        expect(numbers['dead']?.[i]).toBe(expected.dead);
        expect((numbers['firings']?.[i] ?? NaN) / B).toBe(expected.l0);
      });
      for (const name of NAMES) {
        const want = asFloat32(weights.get(`final.${name}`) as never);
        const got = state.get(name) as Float32Array;
        const largest = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        const worst = want.reduce((m, v, i) => Math.max(m, Math.abs(v - (got[i] ?? NaN))), 0);
        expect(worst / largest, name).toBeLessThan(TOLERANCE);
      }
    },
  );

  it('exercise AuxK: some of the recorded steps have dead features', () => {
    expect(recorded.float32.filter((step) => step.dead > 0 && step.aux > 0).length).toBeGreaterThan(10);
  });

  it('are the same bytes however many steps share a Loop', async () => {
    const engine = { threads: 1, optimisation: 'all' } as const;
    const whole = await run('rows', 50, engine);
    const cut = await run('rows', 3, engine);
    expect(cut.numbers).toEqual(whole.numbers);
    for (const [name, values] of whole.state) expect(cut.state.get(name)).toEqual(values);
  });
});
