// Loss and gradients of a whole batch as the sum over micro-batches, one after another in an inner Loop: activations of a few
// contexts stay in the cache, where those of the whole batch would go through memory with every operator.
import { InputError } from '../../schemas/errors.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import { modelParameters } from './architectures.js';
import { ARCHITECTURES } from './architectures.js';
import { type MicroBatch, buildMicroBatch } from './micro-batch.js';
import type { ModelSpec } from './model-spec.js';

/** Rows (tokens) per thread and micro-batch: a small model's activations stay in the second cache of each core. */
const ROWS_PER_THREAD = 512;

/** The number of micro-batches that a batch is best cut into: a divisor of it, about 512 tokens per thread each. */
export function planMicroBatches(batch: number, context: number, threads = 2): number {
  const wanted = Math.max(1, Math.round((ROWS_PER_THREAD * threads) / context));
  let contexts = Math.min(batch, wanted);
  while (batch % contexts !== 0) contexts--;
  return batch / contexts;
}

/** @throws InputError where the micro-batches do not divide the batch */
export function checkMicroBatches(batch: number, microBatches: number): void {
  if (Number.isInteger(microBatches) && microBatches >= 1 && batch % microBatches === 0) return;
  throw new InputError(
    `Expected a number of micro-batches that divides the batch, got ${microBatches} for a batch of ${batch} contexts. Choose a divisor of ${batch}.`,
    { batch, microBatches },
  );
}

export interface BatchInputs extends Omit<MicroBatch, 'tokens' | 'coefficient'> {
  /** [batch, context + 1] int32 */
  readonly tokens: Value;
  /** c of each target [batch · context, 1], or one number. */
  readonly coefficient: Value | number;
  readonly microBatches: number;
}

export interface BatchValues {
  /** Scalar. */
  readonly loss: Value;
  /** One gradient per parameter, in the model's order. */
  readonly gradients: readonly Value[];
}

/** Loss and gradients of the batch. */
export function buildBatch(g: GraphBuilder, inputs: BatchInputs): BatchValues {
  const { spec, tokens, sizes, microBatches } = inputs;
  const sums = microBatches === 1 ? buildMicroBatch(g, inputs) : buildLoop(g, inputs);
  const rows = sizes.batch * sizes.context;
  const { embedding } = ARCHITECTURES[spec.architecture];
  const ids = g.op('Slice', [tokens, g.integers(0), g.integers(sizes.context), g.integers(1)]);
  const through = sums.gradients.get(embedding);
  const table = buildEmbeddingGradient(g, {
    ids: g.op('Reshape', [ids, g.integers(rows, 1)]),
    embedded: sums.embedded,
    base: through ?? zeros(g, [spec.vocabulary, spec.width]),
    spec,
  });
  const gradients = modelParameters(spec).map(({ name }) =>
    name === embedding ? table : (sums.gradients.get(name) as Value),
  );
  return { loss: sums.loss, gradients };
}

interface EmbeddingGradient {
  /** [rows, 1] */
  readonly ids: Value;
  /** Gradient of the embedded tokens [rows, d_model]. */
  readonly embedded: Value;
  /** What it is added to [vocabulary, d_model]. */
  readonly base: Value;
  readonly spec: ModelSpec;
}

/** base + Σ_i onehot(id_i) dE_iᵀ. ScatterElements adds one by one: ids repeat, and ScatterND would race over them. */
function buildEmbeddingGradient(g: GraphBuilder, { ids, embedded, base, spec }: EmbeddingGradient): Value {
  const index = g.op('Expand', [ids, g.integers(1, spec.width)]);
  return g.op('ScatterElements', [base, index, embedded], {
    attributes: { axis: 0, reduction: 'add' },
  });
}

function zeros(g: GraphBuilder, shape: readonly number[]): Value {
  return g.op('ConstantOfShape', [g.integers(...shape)], { shape });
}

/** Sums over micro-batches: loss and gradients are carried, gradients of embedded tokens come out side by side. */
function buildLoop(g: GraphBuilder, inputs: BatchInputs): ReturnType<typeof buildMicroBatch> {
  const { spec, tokens, sizes, coefficient, microBatches } = inputs;
  const contexts = sizes.batch / microBatches;
  const rows = contexts * sizes.context;
  const cut = (x: Value, ...tail: number[]): Value => g.op('Reshape', [x, g.integers(microBatches, ...tail)]);
  const allTokens = cut(tokens, contexts, sizes.context + 1);
  const allWeights = typeof coefficient === 'number' ? null : cut(coefficient, rows, 1);
  const { embedding } = ARCHITECTURES[spec.architecture];
  const carried = modelParameters(spec).filter(({ name }) => spec.tied || name !== embedding);

  const body = g.subgraph('micro_batch');
  const at = body.input(body.fresh('micro'), 'int64', []);
  const condition = body.input(body.fresh('condition'), 'bool', []);
  const lossBefore = body.input(body.fresh('loss_sum'), 'float32', []);
  const before = carried.map(({ name, shape }) => body.input(body.fresh(`sum.${name}`), 'float32', shape));
  const pick = (x: Value): Value => body.op('Gather', [x, at], { attributes: { axis: 0 } });
  const micro = buildMicroBatch(body, {
    ...inputs,
    tokens: pick(allTokens),
    coefficient: allWeights ? pick(allWeights) : coefficient,
    sizes: { batch: contexts, context: sizes.context },
  });
  body.output(body.op('Identity', [condition]));
  body.output(body.op('Add', [lossBefore, micro.loss]));
  carried.forEach(({ name }, i) =>
    body.output(body.op('Add', [before[i] as Value, micro.gradients.get(name) as Value])),
  );
  body.output(body.op('Identity', [micro.embedded]));

  const [loss, ...sums] = g.ops(
    'Loop',
    [g.integer(microBatches), null, g.scalar(0), ...carried.map(({ shape }) => zeros(g, shape))],
    { outputs: carried.length + 2, attributes: { body: body.toGraph() } },
  ) as [Value, ...Value[]];
  const embedded = g.op('Reshape', [sums.at(-1) as Value, g.integers(microBatches * rows, spec.width)]);
  const gradients = new Map(carried.map(({ name }, i) => [name, sums[i] as Value]));
  return { loss, gradients, embedded };
}
