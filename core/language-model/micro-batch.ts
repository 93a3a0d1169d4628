// Loss and gradients of one micro-batch: the model forward, the blocked loss, and reverse mode back to every parameter. The
// embedding's gradient stays a gradient of its rows, so that one scatter serves a whole step.
import { appendGradients } from '../autodiff/backward.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { Kernels, Parameters } from './architecture.js';
import { ARCHITECTURES, unembeddingName } from './architectures.js';
import { buildLoss } from './loss.js';
import type { ModelSpec } from './model-spec.js';

export interface MicroBatch {
  readonly spec: ModelSpec;
  readonly parameters: Parameters;
  /** [batch, context + 1] int32: inputs and targets are shifts of it. */
  readonly tokens: Value;
  readonly sizes: { readonly batch: number; readonly context: number };
  /** c of each target [batch · context, 1], or one number. */
  readonly coefficient: Value | number;
  readonly kernels: Kernels;
}

export interface MicroBatchValues {
  /** Scalar. */
  readonly loss: Value;
  /** Gradients by parameter; of the embedding only what comes through a tied unembedding. */
  readonly gradients: ReadonlyMap<string, Value>;
  /** Gradient of the embedded tokens [batch · context, d_model]. */
  readonly embedded: Value;
}

/** Loss and gradients of the micro-batch. */
export function buildMicroBatch(g: GraphBuilder, micro: MicroBatch): MicroBatchValues {
  const { spec, parameters, tokens, sizes, coefficient, kernels } = micro;
  const { batch, context } = sizes;
  const rows = batch * context;
  const shift = (from: number): Value =>
    g.op('Slice', [tokens, g.integers(from), g.integers(from + context), g.integers(1)]);
  const ids = shift(0);
  const targets = g.op('Reshape', [shift(1), g.integers(rows)]);
  const architecture = ARCHITECTURES[spec.architecture];
  const embedded = g.op('Gather', [valueNamed(parameters, architecture.embedding), ids]);
  const hidden = architecture.buildHidden(g, { spec, parameters, ids, embedded, kernels });
  const rowsOfHidden = g.op('Reshape', [hidden, g.integers(rows, spec.width)]);
  const head = unembeddingName(spec);
  const loss = buildLoss(g, {
    hidden: rowsOfHidden,
    unembedding: valueNamed(parameters, head),
    targets,
    coefficient,
    sizes: { rows, width: spec.width, vocabulary: spec.vocabulary },
  });
  const names = architecture.parameters(spec).map(({ name }) => name);
  const found = appendGradients(g, {
    cotangents: new Map([[rowsOfHidden.name, loss.hidden]]),
    wrt: [embedded.name, ...names.map((name) => valueNamed(parameters, name).name)],
  });
  const gradientOf = (tensor: Value): Value => found.get(tensor.name) as Value;
  const gradients = new Map(names.map((name) => [name, gradientOf(valueNamed(parameters, name))]));
  gradients.set(head, loss.unembedding);
  const flat = g.op('Reshape', [gradientOf(embedded), g.integers(rows, spec.width)]);
  return { loss: loss.loss, gradients, embedded: flat };
}
