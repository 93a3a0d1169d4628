// Small models of every variant against PyTorch (make_training.py): logits of the models that we write, losses weighted and not, and
// all parameter gradients of the weighted loss.
import { describe, expect, it } from 'vitest';
import { resolveSites } from '../../../core/hooks/sites.js';
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { asFloat32, asIntegers, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { modelParameters } from '../../../core/language-model/architectures.js';
import { EVALUATION, buildEvaluationGraph } from '../../../core/language-model/evaluate-graph.js';
import { buildModel } from '../../../core/language-model/export-model.js';
import type { ModelSpec } from '../../../core/language-model/model-spec.js';
import { weightsFrom } from '../../../core/language-model/state.js';
import { asFloat64, largestError } from '../reference.js';
import { buildGradients, floats, integers, parameterFeeds, readJson, readTensors, runGraph } from './training-run.js';

const SIZES = { layers: 2, width: 32, heads: 4, keyValueHeads: 4, headWidth: 8, mlpWidth: 48 };
const GPT2: ModelSpec = {
  architecture: 'gpt2',
  ...SIZES,
  contextTokens: 16,
  vocabulary: 50,
  tied: true,
  normEpsilon: 1e-5,
  activation: 'gelu_tanh',
  ropeBase: 500,
};
const LLAMA: ModelSpec = { ...GPT2, architecture: 'llama', normEpsilon: 1e-6 };
const MODELS: Readonly<Record<string, ModelSpec>> = {
  llama_grouped: { ...LLAMA, keyValueHeads: 2, tied: false, activation: 'silu' },
  llama_tied_wide_heads: { ...LLAMA, headWidth: 10, activation: 'relu' },
  gpt2_untied_gelu: { ...GPT2, tied: false, activation: 'gelu' },
  gpt2_relu: { ...GPT2, activation: 'relu' },
  gpt2_silu: { ...GPT2, activation: 'silu' },
  gpt2_gelu_tanh: GPT2,
};
const tensors = readTensors('models.safetensors');
interface Losses {
  readonly mean: number;
  readonly weighted: number;
  readonly perContext: readonly number[];
}
const losses = (readJson('training.json') as { models: Record<string, Losses> }).models;
const [BATCH, CONTEXT] = [2, 12];

describe.each(Object.entries(MODELS))('%s', (name, spec) => {
  const prefix = `${name}.weight.`;
  const own = [...tensors].filter(([key]) => key.startsWith(prefix));
  const weights = weightsFrom(spec, new Map(own.map(([key, value]) => [key.slice(prefix.length), value])));
  const of = (key: string): SafeTensor => tensors.get(`${name}.${key}`) as SafeTensor;
  const tokens = Int32Array.from(asIntegers(of('tokens')));
  const recorded = losses[name] as Losses;
  const inputs = [0, 1].flatMap((row) =>
    Array.from(tokens.subarray(row * (CONTEXT + 1), row * (CONTEXT + 1) + CONTEXT)),
  );

  it('has PyTorch’s parameters, no more and no less', () => {
    expect([...own.map(([key]) => key.slice(prefix.length))].sort()).toEqual(
      modelParameters(spec)
        .map((parameter) => parameter.name)
        .sort(),
    );
  });

  it.each([false, true])('gives PyTorch’s logits (attention mask: %s)', async (attentionMask) => {
    const bytes = joinChunks(encodeModel(buildModel(spec, weights, { attentionMask })));
    const int64 = (data: readonly number[]): { dtype: 'int64'; dims: number[]; data: BigInt64Array } => ({
      dtype: 'int64',
      dims: [BATCH, CONTEXT],
      data: BigInt64Array.from(data, BigInt),
    });
    const feeds = {
      input_ids: int64(inputs),
      ...(attentionMask && { attention_mask: int64(inputs.map(() => 1)) }),
    };
    for (const level of ['disabled', 'all'] as const) {
      const { logits } = await runGraph({ toModelBytes: () => bytes }, feeds, level);
      expect(largestError(logits as Float32Array, asFloat32(of('logits')))).toBeLessThan(2e-6);
    }
  });

  it('has every site', () => {
    const { sites, unresolved, layers } = resolveSites(buildModel(spec, weights));
    expect(unresolved).toEqual([]);
    expect(layers).toBe(2);
    const found = sites.map((site) => site.name);
    for (const site of [
      'attn.hook_q',
      'attn.hook_k',
      'attn.hook_v',
      'attn.hook_pattern',
      'mlp.hook_post',
      'hook_resid_post',
    ])
      expect(found).toContain(`blocks.1.${site}`);
  });

  it.each([
    { microBatches: 1, kernels: 'standard', optimisation: 'disabled' },
    { microBatches: 2, kernels: 'fused', optimisation: 'all' },
  ] as const)('has PyTorch’s gradients of the weighted loss: %o', async (run) => {
    const { optimisation, ...cut } = run;
    const graph = buildGradients({ spec, batch: BATCH, context: CONTEXT, weighted: true, ...cut });
    const given = asFloat32(of('weights'));
    const sum = given.reduce((a, b) => a + b, 0);
    const feeds = {
      ...parameterFeeds(spec, weights),
      tokens: integers(tokens, [BATCH, CONTEXT + 1]),
      coefficient: floats(
        given.map((w) => w / sum),
        [BATCH * CONTEXT, 1],
      ),
    };
    const found = await runGraph(graph, feeds, optimisation);
    expect(Math.abs((found['loss']?.[0] ?? NaN) / recorded.weighted - 1)).toBeLessThan(1e-6);
    for (const parameter of modelParameters(spec)) {
      const exact = asFloat64(of(`grad64.${parameter.name}`));
      const got = found[`grad.${parameter.name}`] as Float32Array;
      expect(largestError(got, exact), parameter.name).toBeLessThan(1e-5);
    }
  });

  it('has PyTorch’s loss of each context', async () => {
    const feeds = {
      ...parameterFeeds(spec, weights),
      [EVALUATION.tokens]: integers(tokens, [BATCH, CONTEXT + 1]),
    };
    for (const kernels of ['standard', 'fused'] as const) {
      const graph = buildEvaluationGraph({ spec, context: CONTEXT, kernels });
      const found = (await runGraph(graph, feeds))[EVALUATION.losses] as Float32Array;
      expect(largestError(found, recorded.perContext)).toBeLessThan(1e-6);
    }
    const mean = recorded.perContext.reduce((a, b) => a + b, 0) / (BATCH * CONTEXT);
    expect(mean).toBeCloseTo(recorded.mean, 9);
  });
});
