// Small transformers made by hand in the structures that resolvers must tell apart.
import { makeGraph, makeInt64, makeModel, makeNode, makeTensor, makeValueInfo } from '../../../../core/onnx/make.js';
import type { ModelProto, NodeProto, TensorProto } from '../../../../core/onnx/proto.js';

export interface TinyOptions {
  readonly layers?: number;
  /** pre: norm before each branch; post: norm after each addition; none: no norm at all but a final one. */
  readonly norm?: 'pre' | 'post' | 'none' | 'firstOnly';
  readonly mlp?: 'plain' | 'router' | 'parallel' | 'missing' | 'gated-skip';
  /** Rows of a learned position table added to the embedding, its row numbers from `offset` on. */
  readonly positions?: { readonly rows: number; readonly offset: number };
  readonly opset?: number;
  /** A further input, added to what attention looks up. */
  readonly extraInput?: string;
  readonly fused?: boolean;
}

const WIDTH = 4;

/** A model of width 4 and 10 tokens without heads; runs in ONNX Runtime except where fused. */
export function tinyTransformer(options: TinyOptions = {}): ModelProto {
  const { layers = 2, norm = 'pre', mlp = 'plain', opset = 20 } = options;
  const nodes: NodeProto[] = [];
  const weights: TensorProto[] = [
    table('wte', 10),
    table('W', WIDTH),
    makeTensor('gain', { dims: [WIDTH], data: Float32Array.of(1, 2, 1, 0.5) }),
    makeInt64('zero', 0),
    makeInt64('one', 1),
  ];
  const op = (opType: string, input: string[], attributes = {}): string => {
    const output = `${opType}_${nodes.length}`;
    nodes.push(makeNode(opType, { input, output: [output], attributes }));
    return output;
  };
  const layerNorm = (x: string): string => op('LayerNormalization', [x, 'gain'], { axis: -1 });
  const product = (x: string): string => op('MatMul', [x, 'W']);
  const attend = (x: string): string => {
    const own = product(x);
    const k = options.extraInput === undefined ? own : op('Add', [own, options.extraInput]);
    const scores = op('MatMul', [product(x), op('Transpose', [k], { perm: [0, 2, 1] })]);
    return op('MatMul', [op('Softmax', [scores]), product(x)]);
  };
  const addTo = (x: string, branch: string): string => {
    const sum = op('Add', [branch, x]);
    return norm === 'post' || (norm === 'firstOnly' && nodes.length < 15) ? layerNorm(sum) : sum;
  };

  let x = op('Gather', ['wte', 'input_ids']);
  if (options.positions) {
    weights.push(table('wpe', options.positions.rows), makeInt64('offset', options.positions.offset));
    const length = op('Squeeze', [op('Shape', ['input_ids'], { start: 1, end: 2 })]);
    const rows = op('Add', [op('Range', ['zero', length, 'one']), 'offset']);
    x = op('Add', [x, op('Gather', ['wpe', rows])]);
  }
  for (let n = 0; n < layers; n++) {
    const read = (): string => (norm === 'pre' ? layerNorm(x) : x);
    const attention = attend(read());
    if (mlp === 'parallel') x = addTo(x, op('Add', [attention, op('Relu', [product(read())])]));
    else x = addTo(x, attention);
    if (mlp === 'plain') x = addTo(x, op('Relu', [product(read())]));
    if (mlp === 'gated-skip') x = addTo(op('Mul', [x, 'gain']), op('Relu', [product(read())]));
    if (mlp === 'router') {
      const gate = op('Softmax', [product(read())]);
      x = addTo(x, op('Mul', [gate, op('Relu', [product(read())])]));
    }
    if (options.fused) {
      const output = [`fused_${n}`, '', '', `sum_${n}`];
      nodes.push(
        makeNode('SkipLayerNormalization', { input: [x, product(x), 'gain'], output, domain: 'com.microsoft' }),
      );
      x = `sum_${n}`;
    }
  }
  const inputs = [makeValueInfo('input_ids', 'int64', ['batch', 'seq'])];
  if (options.extraInput !== undefined) {
    inputs.push(makeValueInfo(options.extraInput, 'float32', ['batch', 'seq', WIDTH]));
  }
  const head = product(layerNorm(x));
  nodes.push(makeNode('Identity', { input: [head], output: ['logits'] }));
  const output = [makeValueInfo('logits', 'float32', ['batch', 'seq', WIDTH])];
  return makeModel(makeGraph({ node: nodes, input: inputs, output, initializer: weights }), opset);
}

function table(name: string, rows: number): TensorProto {
  const data = Float32Array.from({ length: rows * WIDTH }, (_, i) => Math.sin(1 + i * 1.7));
  return makeTensor(name, { dims: [rows, WIDTH], data });
}
