// The tiny language model against PyTorch (tests/fixtures/tiny-lm/make_tiny_lm.py): logits and hidden states of the model that we
// write, all parameter gradients, and the first twenty steps of its training.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSites } from '../../../core/hooks/read.js';
import { resolveSites } from '../../../core/hooks/sites.js';
import { graphOf } from '../../../core/onnx/cut.js';
import { makeValueInfo } from '../../../core/onnx/make.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { asFloat32, asIntegers } from '../../../core/tensor/safetensors.js';
import { planMicroBatches } from '../../../core/language-model/accumulate.js';
import { modelParameters } from '../../../core/language-model/architectures.js';
import { EVALUATION, buildEvaluationGraph } from '../../../core/language-model/evaluate-graph.js';
import { buildModel } from '../../../core/language-model/export-model.js';
import { stepFactors } from '../../../core/optimise/optimisers/optimisers.js';
import type { OptimiserSettings } from '../../../core/optimise/optimisers/optimiser.js';
import type { Schedule } from '../../../core/optimise/schedule.js';
import { startModelState, modelTensors, weightsFrom } from '../../../core/language-model/state.js';
import { updatedName } from '../../../core/optimise/state.js';
import { factorFeed } from '../../../core/optimise/step-loop.js';
import {
  TRAINING_FEEDS,
  TRAINING_NUMBERS,
  buildTrainingGraph,
  type TrainingGraphSettings,
} from '../../../core/language-model/step-graph.js';
import type { TensorValue } from '../../../runtime/session.js';
import { TINY_LM } from '../../harness/fixtures.js';
import { asFloat64, largestError, relativeL2, tensorOf } from '../reference.js';
import {
  TINY,
  buildGradients,
  contextsAt,
  floats,
  integers,
  parameterFeeds,
  readTinyTensors,
  runGraph,
  trainingStream,
} from './training-run.js';

const reference = readTinyTensors('reference.safetensors');
const trained = weightsFrom(TINY, readTinyTensors('model.safetensors'));
const tensor = (name: string): Float32Array => asFloat32(tensorOf(reference, name));

describe('the trained tiny model that we write', () => {
  const model = buildModel(TINY, trained);
  const bytes = joinChunks(encodeModel(model));

  it.each(['disabled', 'all'] as const)('gives PyTorch’s logits at optimisation %s', async (level) => {
    const ids = BigInt64Array.from(asIntegers(tensorOf(reference, 'input_ids')), BigInt);
    const feeds = { input_ids: { dtype: 'int64' as const, dims: [2, 64], data: ids } };
    const { logits } = await runGraph({ toModelBytes: () => bytes }, feeds, level);
    expect(largestError(logits as Float32Array, tensor('logits'))).toBeLessThan(1e-6);
  });

  it('has PyTorch’s residual stream after every block', async () => {
    const sites = resolveSites(model).sites.filter(({ name }) => name.endsWith('hook_resid_post'));
    expect(sites.map(({ name }) => name)).toEqual([0, 1, 2, 3].map((n) => `blocks.${n}.hook_resid_post`));
    const read = readSites(model, sites);
    const output = read.tensors.map((name) => makeValueInfo(name, 'float32'));
    const proto = { ...read.model, graph: { ...graphOf(read.model), output } };
    const ids = BigInt64Array.from(asIntegers(tensorOf(reference, 'input_ids')), BigInt);
    const feeds = { input_ids: { dtype: 'int64' as const, dims: [2, 64], data: ids } };
    const found = await runGraph({ toModelBytes: () => joinChunks(encodeModel(proto)) }, feeds);
    read.tensors.forEach((name, i) =>
      expect(largestError(found[name] as Float32Array, tensor(sites[i]?.name ?? ''))).toBeLessThan(1e-6),
    );
  });

  it('stores each weight once, under PyTorch’s name', () => {
    const stored = model.graph?.initializer.filter((t) => (t.rawData?.length ?? 0) > 4096) ?? [];
    const wanted = modelParameters(TINY).filter(({ shape }) => shape.reduce((a, b) => a * b, 1) > 1024);
    expect(stored.map(({ name }) => name).sort()).toEqual(wanted.map(({ name }) => name).sort());
    expect(bytes.length).toBeLessThan(1.02 * 4 * 1_335_552);
  });
});

interface Recorded {
  readonly first20: {
    readonly steps: readonly { readonly loss: number; readonly lossFloat64: number }[];
  };
}
const recorded = (JSON.parse(readFileSync(`${TINY_LM}/reference.json`, 'utf8')) as Recorded).first20.steps;

describe('gradients of the mean next-token loss', () => {
  // Each of the two contexts is 64 tokens with 63 targets.
  const tokens = Int32Array.from(asIntegers(tensorOf(reference, 'input_ids')));
  it.each([
    { kernels: 'standard', microBatches: 1, optimisation: 'disabled' },
    { kernels: 'standard', microBatches: 2, optimisation: 'all' },
    { kernels: 'fused', microBatches: 1, optimisation: 'disabled' },
    { kernels: 'fused', microBatches: 2, optimisation: 'all' },
  ] as const)('equal PyTorch’s with %o', async ({ kernels, microBatches, optimisation }) => {
    const sizes = { spec: TINY, batch: 2, context: 63, weighted: false };
    const graph = buildGradients({ ...sizes, microBatches, kernels });
    const feeds = { ...parameterFeeds(TINY, trained), tokens: integers(tokens, [2, 64]) };
    const found = await runGraph(graph, feeds, optimisation);
    for (const { name, shape } of modelParameters(TINY)) {
      const got = found[`grad.${name}`] as Float32Array;
      const exact = asFloat64(tensorOf(reference, `grad64.${name}`));
      const torch = tensor(`grad.${name}`);
      if (name.endsWith('c_attn.bias')) {
        // Gradients of key biases are zero by symmetry: an absolute floor for them, the bar for the others.
        const width = shape[0] as number;
        const keys = [width / 3, (2 * width) / 3] as const;
        const largest = exact.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        for (const value of got.subarray(...keys)) expect(Math.abs(value)).toBeLessThan(1e-5 * largest);
      }
      expect(largestError(got, exact), name).toBeLessThan(1e-5);
      expect(relativeL2(got, exact), name).toBeLessThan(5 * Math.max(relativeL2(torch, exact), 1e-7));
    }
  });
});

const ADAMW: OptimiserSettings = {
  kind: 'adamw',
  betas: [0.9, 0.95],
  epsilon: 1e-8,
  weightDecay: 0,
  momentum: 0,
  nesterov: false,
};
const CONSTANT: Schedule = {
  kind: 'constant',
  lr: 1e-3,
  steps: 20,
  warmupSteps: 0,
  finalFraction: 1,
};

describe('twenty steps of AdamW', () => {
  let tokens = new Int32Array();
  const settings: TrainingGraphSettings = {
    spec: TINY,
    optimiser: ADAMW,
    batch: 8,
    context: 128,
    weighted: false,
    clipNorm: null,
    microBatches: planMicroBatches(8, 128),
    kernels: 'fused',
  };
  beforeAll(() => {
    const offsets = asIntegers(readTinyTensors('batches.safetensors').get('first20') as never);
    tokens = contextsAt(trainingStream(), offsets, 128);
  });

  /** Steps from … from + count − 1 on the given state. */
  const run = async (
    state: ReadonlyMap<string, Float32Array>,
    { from, count, ...other }: { from: number; count: number } & Partial<TrainingGraphSettings>,
  ): Promise<Record<string, Float32Array>> => {
    const size = 8 * 129;
    const feeds: Record<string, TensorValue> = {
      [TRAINING_FEEDS.tokens]: integers(tokens.subarray(from * size, (from + count) * size), [count, 8, 129]),
    };
    for (const [name, column] of stepFactors(ADAMW, CONSTANT, { from, count }))
      feeds[factorFeed(name)] = floats(column, [count]);
    for (const { name, shape } of modelTensors(TINY, ADAMW))
      feeds[name] = floats(state.get(name) as Float32Array, shape);
    return runGraph(buildTrainingGraph({ ...settings, ...other }), feeds);
  };
  const begin = (): Map<string, Float32Array> =>
    startModelState(TINY, ADAMW, weightsFrom(TINY, readTinyTensors('init.safetensors')));

  it.each([1, 2] as const)('loses what PyTorch loses in float64, with %i micro-batches', async (microBatches) => {
    const { loss } = await run(begin(), { from: 0, count: 20, microBatches });
    recorded.forEach(({ lossFloat64 }, step) =>
      expect(Math.abs((loss?.[step] ?? NaN) / lossFloat64 - 1)).toBeLessThan(5e-6),
    );
  });

  it('in one Loop gives the bits of single steps', async () => {
    const together = await run(begin(), { from: 0, count: 3 });
    let state = begin();
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) {
      const outputs = await run(state, { from: step, count: 1 });
      losses.push(outputs[TRAINING_NUMBERS.loss]?.[0] ?? NaN);
      state = new Map([...state.keys()].map((name) => [name, outputs[updatedName(name)] as Float32Array]));
    }
    expect(losses).toEqual(Array.from(together[TRAINING_NUMBERS.loss] as Float32Array));
    for (const [name, value] of state)
      expect(
        Buffer.from(value.buffer, value.byteOffset, value.byteLength).equals(
          Buffer.from((together[updatedName(name)] as Float32Array).buffer),
        ),
        name,
      ).toBe(true);
  });

  it('tells the step and the tensors whose gradients stop being finite', async () => {
    const state = begin();
    const bias = 'transformer.h.3.mlp.c_proj.bias';
    // Momentum without end makes the first update, and with it every number of the second step, other than finite.
    (state.get(`optimiser.m.${bias}`) as Float32Array)[7] = Infinity;
    const outputs = await run(state, { from: 0, count: 2 });
    const count = modelParameters(TINY).length;
    const norms = outputs[TRAINING_NUMBERS.squaredNorms] as Float32Array;
    expect(norms).toHaveLength(2 * count);
    const bad = [0, 1].map((step) =>
      modelParameters(TINY)
        .filter((_, i) => !Number.isFinite(norms[step * count + i]))
        .map(({ name }) => name),
    );
    expect(bad[0]).toEqual([]);
    expect(bad[1]).toContain('transformer.ln_f.weight');
    expect(outputs[TRAINING_NUMBERS.loss]?.[0]).toBeCloseTo(recorded[0]?.loss ?? NaN, 4);
    expect(Number.isFinite(outputs[TRAINING_NUMBERS.loss]?.[1])).toBe(false);
  });
});

describe('validation', () => {
  it('sums the nats of each context, also of a batch of any size', async () => {
    const ids = asIntegers(tensorOf(reference, 'input_ids'));
    const logits = tensor('logits');
    const want = [0, 1].map((row) => {
      let nats = 0;
      for (let pos = 0; pos < 63; pos++) {
        const at = (row * 64 + pos) * 4096;
        const line = Float64Array.from(logits.subarray(at, at + 4096));
        const top = line.reduce((a, b) => Math.max(a, b));
        const sum = line.reduce((a, b) => a + Math.exp(b - top), 0);
        nats += top + Math.log(sum) - (line[ids[row * 64 + pos + 1] as number] as number);
      }
      return nats;
    });
    const graph = buildEvaluationGraph({ spec: TINY, context: 63, kernels: 'fused' });
    for (const batch of [2, 1]) {
      const feeds = {
        ...parameterFeeds(TINY, trained),
        [EVALUATION.tokens]: integers(Int32Array.from(ids.slice(0, batch * 64)), [batch, 64]),
      };
      const losses = (await runGraph(graph, feeds))[EVALUATION.losses] as Float32Array;
      expect(losses).toHaveLength(batch);
      losses.forEach((loss, row) => expect(Math.abs(loss / (want[row] ?? NaN) - 1)).toBeLessThan(1e-6));
    }
  });
});
