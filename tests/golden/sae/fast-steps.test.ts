// Fifty steps of every kind recorded from PyTorch (tests/fixtures/sae/make_sae.py) against the fast step, for 1, 2 and 4 slices:
// losses within 1e-5 relative (5e-5 where a near-tie in the choice over a batch amplifies rounding), weights within 1e-5 of the
// tensor's largest value (b_enc 5e-3, others 5e-4 there).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KindSettings } from '../../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import type { DictionarySites } from '../../../core/dictionaries/sites.js';
import { parametersOf } from '../../../core/dictionaries/state.js';
import { asFloat32, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { readTensor, stateTensorsOf, writeTensor } from '../../../dictionaries/state.js';
import { DictionaryStep, type StepNumbers } from '../../../dictionaries/step.js';
import type { ArchitectureName } from '../../../schemas/dictionaries.js';
import { SAE } from '../../harness/fixtures.js';

const [B, D, F, STEPS] = [64, 32, 256, 50];

interface Kind {
  readonly name: string;
  readonly architecture: ArchitectureName;
  readonly settings: KindSettings;
  readonly kAux: number;
  readonly beta1: number;
  readonly sites: DictionarySites;
  /** Of losses; of weights; of b_enc. */
  readonly within: readonly [number, number, number];
}

const same: DictionarySites = { widths: [D], reads: [0], writes: [0] };
const exact = [1e-5, 1e-5, 1e-5] as const;
const amplified = [5e-5, 5e-4, 5e-3] as const;
const prefixes = [32, 64, 128, 256];
const KINDS: readonly Kind[] = [
  { name: 'topk', architecture: 'topk', settings: { k: 4 }, kAux: 16, beta1: 0.9, sites: same, within: exact },
  {
    name: 'batchtopk',
    architecture: 'batchtopk',
    settings: { k: 4 },
    kAux: 16,
    beta1: 0.9,
    sites: same,
    within: amplified,
  },
  {
    ...{ name: 'matryoshka', architecture: 'matryoshka', settings: { k: 4, prefixes }, kAux: 16, beta1: 0.9 },
    ...{ sites: same, within: amplified },
  },
  { name: 'relu', architecture: 'relu', settings: { sparsity: 0.02 }, kAux: 0, beta1: 0.9, sites: same, within: exact },
  {
    ...{ name: 'jumprelu', architecture: 'jumprelu', settings: { sparsity: 0.01, bandwidth: 0.1, threshold: 0.1 } },
    ...{ kAux: 0, beta1: 0, sites: same, within: exact },
  },
  { name: 'gated', architecture: 'gated', settings: { sparsity: 0.02 }, kAux: 0, beta1: 0, sites: same, within: exact },
  {
    ...{ name: 'transcoder', architecture: 'topk', settings: { k: 4 }, kAux: 16, beta1: 0.9 },
    sites: { widths: [D, D], reads: [0], writes: [1], skip: true },
    within: exact,
  },
];

const fixture = (name: string): Buffer => readFileSync(path.join(SAE, name));
interface Recorded {
  readonly loss: number;
  readonly sparsity: number;
  readonly aux: number;
  readonly l0: number;
  readonly dead: number;
}
const recordings = (
  JSON.parse(fixture('steps.json').toString()) as { kinds: Record<string, { V: number; float32: Recorded[] }> }
).kinds;
const data = decodeSafetensors(fixture('data.safetensors'));
const rowsOf = (name: string): Float32Array => asFloat32(data.get(name) as SafeTensor);

describe.each(KINDS)('fifty steps of $name', (kind) => {
  it.each([1, 2, 4])('are reproduced with %i slice(s)', async (slices) => {
    const weights = decodeSafetensors(fixture(`${kind.name}.safetensors`));
    const recorded = recordings[kind.name];
    const shape = { kind: ARCHITECTURES[kind.architecture], sites: kind.sites, features: F };
    const betas = [kind.beta1, 0.999] as const;
    const step = await DictionaryStep.create({
      ...{ shape, architecture: kind.architecture, settings: kind.settings, batchRows: B, slices },
      engine: { threads: 1, optimisation: 'all' },
      training: {
        ...{ variance: recorded?.V ?? NaN, betas, epsilon: 1e-8, clipNorm: null, moments: 'full' },
        ...{ kAux: kind.kAux, auxWeight: 1 / 32, deadAfterTokens: 256 },
      },
    });
    const parameters = parametersOf(shape).filter(({ fixed }) => !fixed);
    for (const tensor of stateTensorsOf(shape, { betas, moments: 'full' })) {
      const initial = weights.get(`init.${tensor.name}`);
      const width = tensor.shape.slice(1).reduce((a, b) => a * b, 1);
      if (initial)
        await writeTensor(step, tensor, (from, count) =>
          Promise.resolve(asFloat32(initial).slice(from * width, (from + count) * width)),
        );
    }
    const [x, y] = [rowsOf('x'), rowsOf('y')];
    const numbers: StepNumbers[] = [];
    for (let s = 0; s < STEPS; s++) {
      const batch = (of: Float32Array): Float32Array => of.subarray(s * B * D, (s + 1) * B * D);
      const writes = kind.name === 'transcoder' ? batch(y) : batch(x);
      numbers.push(await step.train({ reads: [batch(x)], writes: [writes] }, { step: s, lr: 1e-3 }));
    }
    const [ofLoss, ofWeights, ofBias] = kind.within;
    expect(recorded?.float32.length).toBe(STEPS);
    for (const [s, want] of (recorded?.float32 ?? []).entries()) {
      const got = numbers[s] as StepNumbers;
      expect(Math.abs(got.loss - want.loss) / Math.abs(want.loss), `loss of step ${s}`).toBeLessThan(ofLoss);
      expect(got.dead, `dead before step ${s}`).toBe(kind.kAux > 0 ? want.dead : 0);
      expect(Math.abs(got.firings / B - want.l0), `l0 of step ${s}`).toBeLessThan(0.1);
    }
    for (const { name, shape: axes } of parameters) {
      const want = asFloat32(weights.get(`final.${name}`) as SafeTensor);
      const got = new Float32Array(want.length);
      let at = 0;
      for await (const rows of readTensor(step, { name, shape: axes, type: 'float32' })) {
        got.set(rows, at);
        at += rows.length;
      }
      const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))), 0);
      expect(worst / largest, name).toBeLessThan(name === 'b_enc' ? ofBias : ofWeights);
    }
    await step.release();
  });
});
