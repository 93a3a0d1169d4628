// A trained model as an ONNX model that others run: standard operators, weights stored under PyTorch's names, batch and
// sequence open. The forward part is the one that was trained.
import { GraphBuilder } from '../onnx/builder.js';
import { makeTensor } from '../onnx/make.js';
import type { ModelProto } from '../onnx/proto.js';
import { ARCHITECTURES, modelParameters, unembeddingOf } from './architectures.js';
import { buildLinear } from './layers.js';
import { type ModelSpec, checkSpec } from './model-spec.js';
import { checkWeights } from './state.js';

export interface ExportOptions {
  /** Whether the model takes `attention_mask` [batch, seq] int64 (1 token, 0 padding) besides `input_ids`. */
  readonly attentionMask?: boolean;
}

/**
 * The inference graph: `input_ids` [batch, seq] int64 → `logits` [batch, seq, vocabulary]. A tied embedding is stored once.
 * @param weights values by parameter name, row-major; referred to, not copied
 * @throws InputError for sizes or weights that do not fit
 */
export function buildModel(
  spec: ModelSpec,
  weights: ReadonlyMap<string, Float32Array>,
  { attentionMask = false }: ExportOptions = {},
): ModelProto {
  checkSpec(spec);
  checkWeights(spec, weights);
  const g = new GraphBuilder(spec.architecture);
  const ids = g.input('input_ids', 'int64', ['batch', 'seq']);
  const mask = attentionMask ? g.input('attention_mask', 'int64', ['batch', 'seq']) : null;
  const parameters = Object.fromEntries(
    modelParameters(spec).map(({ name, shape }) => {
      const data = weights.get(name) ?? new Float32Array();
      return [name, g.initializer(makeTensor(name, { dims: shape, data }))];
    }),
  );
  const { buildHidden } = ARCHITECTURES[spec.architecture];
  const inputs = { spec, parameters, ids, kernels: 'standard' as const };
  const hidden = buildHidden(g, mask ? { ...inputs, attentionMask: mask } : inputs);
  const logits = buildLinear(g, {
    x: hidden,
    weight: unembeddingOf(spec, parameters),
    transposed: true,
    sizes: [spec.width, spec.vocabulary],
    ids,
  });
  g.output(logits, 'logits');
  return g.toModel();
}

/** Weights of the right sizes and no content: for the structure of a model that is not trained yet. */
export function emptyWeights(spec: ModelSpec): Map<string, Float32Array> {
  return new Map(
    modelParameters(spec).map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
}
