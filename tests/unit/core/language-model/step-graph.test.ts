// A training graph takes the same steps with micro-batches, other kernels and every optimiser, at both levels of
// optimisation; weights of the loss and padding mean what they say.
import { describe, expect, it } from 'vitest';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { planMicroBatches } from '../../../../core/language-model/accumulate.js';
import { modelParameters } from '../../../../core/language-model/architectures.js';
import { buildModel } from '../../../../core/language-model/export-model.js';
import { initialParameters } from '../../../../core/language-model/initialise.js';
import type { ModelSpec } from '../../../../core/language-model/model-spec.js';
import { OPTIMISER_NAMES } from '../../../../core/optimise/optimisers/optimiser.js';
import { stepFactors } from '../../../../core/optimise/optimisers/optimisers.js';
import { startModelState, modelTensors } from '../../../../core/language-model/state.js';
import { updatedName } from '../../../../core/optimise/state.js';
import { factorFeed } from '../../../../core/optimise/step-loop.js';
import {
  TRAINING_FEEDS,
  TRAINING_NUMBERS,
  buildTrainingGraph,
  type TrainingGraphSettings,
} from '../../../../core/language-model/step-graph.js';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { Session, type Optimisation, type TensorValue } from '../../../../runtime/session.js';
import { ADAMW, GPT2, LLAMA } from './small-models.js';

const [BATCH, CONTEXT, STEPS] = [4, 8, 3];
const BASE: TrainingGraphSettings = {
  spec: GPT2,
  optimiser: ADAMW,
  batch: BATCH,
  context: CONTEXT,
  weighted: false,
  clipNorm: 1,
  microBatches: 1,
  kernels: 'fused',
};
const random = new KeyedRandom('step graph');
const tokens = Int32Array.from({ length: STEPS * BATCH * (CONTEXT + 1) }, () => random.nextInt(30));

async function runModel(
  bytes: Uint8Array,
  feeds: Readonly<Record<string, TensorValue>>,
  optimisation: Optimisation = 'all',
): Promise<Record<string, Float32Array>> {
  const session = await Session.create(bytes, { provider: 'cpu', threads: 1, optimisation });
  const outputs = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
}

interface Run {
  readonly state?: ReadonlyMap<string, Float32Array>;
  readonly weights?: Float32Array;
  readonly optimisation?: Optimisation;
}

async function train(
  settings: TrainingGraphSettings,
  { state, weights, optimisation }: Run = {},
): Promise<Record<string, Float32Array>> {
  const { spec, optimiser } = settings;
  const schedule = {
    kind: 'constant',
    lr: 1e-2,
    steps: 3,
    warmupSteps: 0,
    finalFraction: 1,
  } as const;
  const begin = state ?? startModelState(spec, optimiser, initialParameters(spec, 5));
  const feeds: Record<string, TensorValue> = {
    [TRAINING_FEEDS.tokens]: { dtype: 'int32', dims: [STEPS, BATCH, CONTEXT + 1], data: tokens },
  };
  if (weights)
    feeds[TRAINING_FEEDS.weights] = {
      dtype: 'float32',
      dims: [STEPS, BATCH, CONTEXT],
      data: weights,
    };
  for (const [name, data] of stepFactors(optimiser, schedule, { from: 0, count: STEPS }))
    feeds[factorFeed(name)] = { dtype: 'float32', dims: [STEPS], data };
  for (const { name, shape } of modelTensors(spec, optimiser))
    feeds[name] = { dtype: 'float32', dims: shape, data: begin.get(name) as Float32Array };
  return runModel(buildTrainingGraph(settings).toModelBytes(), feeds, optimisation);
}

function largestDifference(
  a: Readonly<Record<string, Float32Array>>,
  b: Readonly<Record<string, Float32Array>>,
): number {
  let largest = 0;
  for (const [name, values] of Object.entries(a))
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - (b[name]?.[i] ?? NaN)));
    });
  return largest;
}

describe('a training graph', () => {
  it.each([
    ['micro-batches', { microBatches: 4 }],
    ['micro-batches of two', { microBatches: 2, kernels: 'standard' as const }],
    ['standard kernels', { kernels: 'standard' as const }],
  ])('gives the same steps with %s', async (_, other) => {
    for (const spec of [GPT2, { ...LLAMA, tied: false }]) {
      const sgd = { ...ADAMW, kind: 'sgd' as const };
      const [one, two] = [
        await train({ ...BASE, spec, optimiser: sgd }),
        await train({ ...BASE, spec, optimiser: sgd, ...other }),
      ];
      expect(largestDifference(one, two)).toBeLessThan(2e-5);
    }
  });

  it.each(OPTIMISER_NAMES)('trains with %s at both levels of optimisation', async (kind) => {
    const settings = { ...BASE, spec: LLAMA, optimiser: { ...ADAMW, kind }, microBatches: 2 };
    const all = await train(settings);
    const disabled = await train(settings, { optimisation: 'disabled' });
    expect(largestDifference({ loss: all['loss'] as Float32Array }, disabled)).toBeLessThan(1e-4);
    expect(Object.keys(all).sort()).toEqual(
      [
        ...modelTensors(LLAMA, settings.optimiser).map(({ name }) => updatedName(name)),
        ...Object.values(TRAINING_NUMBERS),
      ].sort(),
    );
    const norms = all[TRAINING_NUMBERS.squaredNorms] as Float32Array;
    const count = modelParameters(LLAMA).length;
    for (let step = 0; step < STEPS; step++) {
      const sum = norms.slice(step * count, (step + 1) * count).reduce((a, b) => a + b, 0);
      expect(Math.sqrt(sum)).toBeCloseTo(all[TRAINING_NUMBERS.gradientNorm]?.[step] ?? NaN, 5);
    }
  });

  it('takes weights of 1 as no weights, and tokens of weight 0 as absent', async () => {
    const plain = await train(BASE);
    const ones = new Float32Array(STEPS * BATCH * CONTEXT).fill(1);
    const weighted = { ...BASE, weighted: true, microBatches: 2 };
    expect(largestDifference(plain, await train(weighted, { weights: ones }))).toBeLessThan(1e-4);
    // Only the first context of each step counts: what the others hold is of no consequence.
    const first = ones.map((_, i) => (i % (BATCH * CONTEXT) < CONTEXT ? 2 : 0));
    const kept = await train(weighted, { weights: first });
    const other = tokens.slice();
    other.forEach((_, i) => {
      if (i % (BATCH * (CONTEXT + 1)) >= CONTEXT + 1) tokens[i] = 1;
    });
    const changed = await train(weighted, { weights: first });
    tokens.set(other);
    expect(largestDifference(kept, changed)).toBeLessThan(1e-4);
    expect(largestDifference(kept, plain)).toBeGreaterThan(1e-3);
  });

  it.each([
    [
      'micro-batches that do not divide the batch',
      { microBatches: 3 },
      /got 3 for a batch of 4 contexts\. Choose a divisor of 4/,
    ],
    ['contexts beyond the positions', { context: 9 }, /contexts of 1 to 8 tokens .* got 9/],
    ['sizes that do not fit', { spec: { ...GPT2, heads: 3 } }, /width 16 and 3 heads/],
  ] as const)('refuses %s', (_, other, message) => {
    expect(() => buildTrainingGraph({ ...BASE, ...other })).toThrow(message);
  });

  it('plans micro-batches that divide the batch, about 512 tokens per thread each', () => {
    expect(planMicroBatches(64, 128)).toBe(8);
    expect(planMicroBatches(64, 128, 1)).toBe(16);
    expect(planMicroBatches(6, 256)).toBe(2);
    expect(planMicroBatches(7, 128)).toBe(1);
    expect(planMicroBatches(1, 4096)).toBe(1);
    expect(planMicroBatches(22, 128)).toBe(11);
  });
});

describe('a model with an attention mask', () => {
  it('sees through padding on the left where positions are relative', async () => {
    const spec: ModelSpec = { ...LLAMA, contextTokens: 16 };
    const model = buildModel(spec, initialParameters(spec, 2), { attentionMask: true });
    const bytes = joinChunks(encodeModel(model));
    const run = async (ids: number[], mask: number[]): Promise<Float32Array> => {
      const feed = (values: number[]): TensorValue => ({
        dtype: 'int64',
        dims: [1, values.length],
        data: BigInt64Array.from(values, BigInt),
      });
      const outputs = await runModel(bytes, { input_ids: feed(ids), attention_mask: feed(mask) });
      return outputs['logits'] as Float32Array;
    };
    const plain = await run([4, 9, 2], [1, 1, 1]);
    const padded = await run([7, 7, 4, 9, 2], [0, 0, 1, 1, 1]);
    const seen = await run([7, 7, 4, 9, 2], [1, 1, 1, 1, 1]);
    const tail = (logits: Float32Array): { logits: Float32Array } => ({
      logits: logits.slice(-3 * spec.vocabulary),
    });
    expect(largestDifference(tail(plain), tail(padded))).toBeLessThan(1e-6);
    expect(largestDifference(tail(plain), tail(seen))).toBeGreaterThan(1e-5);
  });
});
