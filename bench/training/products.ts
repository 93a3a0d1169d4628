// The matrix products of one training step and nothing else, in the shapes and orientations in which the step makes them: the
// floor under a step, measured beside it where no other trainer is at hand.
import { GraphBuilder } from '../../core/onnx/builder.js';
import type { Value } from '../../core/onnx/shape.js';
import type { ModelSpec } from '../../core/language-model/model-spec.js';
import { blockRows } from '../../core/language-model/loss.js';

export interface StepShape {
  readonly spec: ModelSpec;
  readonly batch: number;
  readonly context: number;
  readonly microBatches: number;
}

/** The products of one step, over and over micro-batch after micro-batch; no feeds, one scalar output. */
export function buildProducts({ spec, batch, context, microBatches }: StepShape): GraphBuilder {
  const { width, mlpWidth, heads, headWidth, layers, vocabulary } = spec;
  const contexts = batch / microBatches;
  const rows = contexts * context;
  const g = new GraphBuilder('products');
  const body = g.subgraph('micro_batch');
  body.input('micro', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const sum = body.input('sum', 'float32', []);
  const made: Value[] = [];
  const inputs = new Map<string, Value>();
  const matrix = (...shape: number[]): Value => {
    const known = inputs.get(shape.join());
    if (known) return known;
    const value = g.op('ConstantOfShape', [g.integers(...shape)], { shape });
    inputs.set(shape.join(), value);
    return value;
  };
  /** x W, dY Wᵀ and xᵀ dY of one linear map. */
  const linear = (into: number, out: number): void => {
    const [x, w, dy] = [matrix(rows, into), matrix(into, out), matrix(rows, out)];
    made.push(body.op('Gemm', [x, w]), body.op('Gemm', [dy, w], { attributes: { transB: 1 } }));
    made.push(body.op('Gemm', [x, dy], { attributes: { transA: 1 } }));
  };
  const pair = matrix(contexts, heads, context, context);
  const [head, turned] = [matrix(contexts, heads, context, headWidth), matrix(contexts, heads, headWidth, context)];
  for (let layer = 0; layer < layers; layer++) {
    for (let i = 0; i < 4; i++) linear(width, width);
    linear(width, mlpWidth);
    linear(mlpWidth, width);
    for (let i = 0; i < 2; i++)
      made.push(body.op('MatMul', [head, turned]), body.op('MatMul', [pair, head]), body.op('MatMul', [turned, pair]));
  }
  const size = blockRows({ rows, width, vocabulary });
  for (let from = 0; from < rows; from += size) {
    const count = Math.min(size, rows - from);
    const [h, w, e] = [matrix(count, width), matrix(vocabulary, width), matrix(count, vocabulary)];
    made.push(body.op('Gemm', [h, w], { attributes: { transB: 1 } }), body.op('Gemm', [e, w]));
    made.push(body.op('Gemm', [e, h], { attributes: { transA: 1 } }));
  }
  // Each product has a reader: nothing may be left out as unused.
  const first = made.map((value) => {
    const line = body.op('Reshape', [value, body.integers(-1)]);
    return body.op('Gather', [line, body.integer(0)], { attributes: { axis: 0 } });
  });
  body.output(body.op('Identity', [condition]));
  body.output(body.op('Add', [sum, first.reduce((a, b) => body.op('Add', [a, b]))]));
  const [total] = g.ops('Loop', [g.integer(microBatches), null, g.scalar(0)], {
    outputs: ['total'],
    attributes: { body: body.toGraph() },
  }) as [Value];
  g.output(total);
  return g;
}
