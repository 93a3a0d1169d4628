// The checked builder: a wrong graph fails at the line that made it, with what was expected and got; a right one runs.
import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { decodeModel } from '../../../../core/onnx/codec.js';
import { makeTensor } from '../../../../core/onnx/make.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { InputError } from '../../../../schemas/errors.js';
import { Session, type Optimisation, type TensorValue } from '../../../../runtime/session.js';
import { EXPORTS } from '../../../harness/fixtures.js';

const SIZES = { d_model: 4, d_mlp: 6, head: 2, d_head: 2 };

function start(): { g: GraphBuilder; x: Value } {
  const g = new GraphBuilder('test', { sizes: SIZES });
  return { g, x: g.input('x', 'float32', ['batch', 'pos', 'd_model']) };
}

function weights(g: GraphBuilder, name: string, dims: readonly number[]): Value {
  const count = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1));
  return g.initializer(makeTensor(name, { dims, data }));
}

async function run(
  g: GraphBuilder,
  feeds: Record<string, TensorValue>,
  optimisation: Optimisation = 'all',
): Promise<Record<string, TensorValue>> {
  const settings = { provider: 'cpu', threads: 1, optimisation } as const;
  const session = await Session.create(g.toModelBytes(), settings);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

describe('a graph under construction', () => {
  it('gives every value an element type and named axes', () => {
    const { g, x } = start();
    const hidden = g.op('MatMul', [x, weights(g, 'W', [4, 6])], {
      shape: ['batch', 'pos', 'd_mlp'],
    });
    expect(hidden).toMatchObject({ dtype: 'float32', shape: ['batch', 'pos', 'd_mlp'] });
    const mean = g.op('ReduceMean', [hidden, g.integers(-1)], { attributes: { keepdims: 0 } });
    expect(mean.shape).toEqual(['batch', 'pos']);
    expect(g.op('Greater', [mean, g.scalar(0)]).dtype).toBe('bool');
  });

  it('follows sizes through shape arithmetic', () => {
    const { g, x } = start();
    const shape = g.op('Shape', [x], { attributes: { start: 0, end: 2 } });
    expect(shape.values).toEqual(['batch', 'pos']);
    const target = g.op('Concat', [shape, g.integers(2, 2)], { attributes: { axis: 0 } });
    const heads = g.op('Reshape', [x, target], { shape: ['batch', 'pos', 'head', 'd_head'] });
    expect(heads.shape).toEqual(['batch', 'pos', 'head', 'd_head']);
  });

  it.each<[string, (g: GraphBuilder, x: Value) => unknown, RegExp]>([
    [
      'a product of axes that differ',
      (g, x) => g.op('MatMul', [x, weights(g, 'W', [6, 4])]),
      /^MatMul\(x float32 \[batch, pos, d_model\], W float32 \[6, 4\]\): expected .*d_model.*6/s,
    ],
    [
      'a sum of two different named axes',
      (g, x) => g.op('Add', [x, g.input('y', 'float32', ['batch', 'key_pos', 'd_model'])]),
      /^Add\(.*pos.*key_pos/s,
    ],
    [
      'a sum of two element types',
      (g, x) => g.op('Add', [x, g.integer(1)]),
      /^Add\(.*expected inputs of one element type, got float32 in "x" and int64 in "constant"\.$/,
    ],
    [
      'a claim that inference contradicts',
      (g, x) => g.op('Relu', [x], { shape: ['batch', 'pos', 'd_mlp'] }),
      /^Relu → "Relu_?\d*": expected float32 \[batch, pos, d_mlp\], got float32 \[batch, pos, d_model\]\.$/,
    ],
    [
      'a claim of another rank',
      (g, x) => g.op('Relu', [x], { shape: ['batch', 'd_model'] }),
      /expected float32 \[batch, d_model\], got float32 \[batch, pos, d_model\]/,
    ],
    [
      'an unknown attribute',
      (g, x) => g.op('Softmax', [x], { attributes: { axes: [1] } }),
      /^Softmax\(.*expected attributes among: axis, got "axes"\.$/,
    ],
    [
      'an attribute of the wrong kind',
      (g, x) => g.op('Softmax', [x], { attributes: { axis: { f: -1 } } }),
      /expected attribute "axis" of kind int, got attribute type 1/,
    ],
    ['too few inputs', (g, x) => g.op('MatMul', [x]), /^MatMul\(.*expected 2 inputs, got 1\.$/],
    [
      'an operator that the table lacks',
      (g, x) => g.op('Fourier', [x]),
      /^Expected an operator of the table in core\/onnx\/operators, got "Fourier"\.$/,
    ],
    [
      'a name that is taken',
      (g, x) => g.op('Relu', [x], { name: 'x' }),
      /^Expected a name that no value of graph "test" has, got "x"\.$/,
    ],
    ['a name that nothing has', (g) => g.value('y'), /^Expected a value of graph "test", found none called "y"\.$/],
    [
      'a value of another graph',
      (g) => g.op('Relu', [new GraphBuilder('other').input('z', 'float32', [1])]),
      /got "z" of another graph/,
    ],
  ])('refuses %s at the line that makes it', (_, make, message) => {
    const { g, x } = start();
    const before = g.toGraph().node.length;
    expect(() => make(g, x)).toThrow(InputError);
    const again = start();
    expect(() => make(again.g, again.x)).toThrow(message);
    expect(g.toGraph().node.length).toBe(before);
  });

  it('stores equal constants once, and tells zero from minus zero', () => {
    const { g } = start();
    expect(g.scalar(2)).toBe(g.scalar(2));
    expect(g.scalar(0)).not.toBe(g.scalar(-0));
    expect(g.scalar(2, 'float64')).not.toBe(g.scalar(2));
    expect(g.integers(1, 2)).toBe(g.integers(1, 2));
    expect(g.integer(1)).not.toBe(g.integers(1));
    expect(g.toGraph().initializer).toHaveLength(7);
  });
});

describe('graphs inside a graph', () => {
  it('see the values around them, and a Loop takes the axes of its body', async () => {
    const g = new GraphBuilder('sum', { sizes: SIZES });
    const rows = g.input('rows', 'float32', ['step', 'd_model']);
    const first = g.input('first', 'float32', ['d_model']);
    const body = g.subgraph('body');
    const step = body.input(body.fresh('step'), 'int64', []);
    const condition = body.input(body.fresh('condition'), 'bool', []);
    const carried = body.input(body.fresh('carried'), 'float32', ['d_model']);
    const row = body.op('Gather', [rows, step], { attributes: { axis: 0 } });
    const next = body.op('Add', [carried, row]);
    body.output(body.op('Identity', [condition]));
    body.output(next);
    body.output(body.op('ReduceSum', [next], { attributes: { keepdims: 0 } }));
    const trips = g.op('Squeeze', [g.op('Shape', [rows], { attributes: { end: 1 } })]);
    const [last, sums] = g.ops('Loop', [trips, null, first], {
      outputs: ['last', 'sums'],
      attributes: { body: body.toGraph() },
    }) as [Value, Value];
    expect(last.shape).toEqual(['d_model']);
    g.output(last);
    g.output(sums);
    for (const optimisation of ['disabled', 'all'] as const) {
      const data = Float32Array.from({ length: 12 }, (_, i) => i);
      const got = await run(
        g,
        {
          rows: { dtype: 'float32', dims: [3, 4], data },
          first: { dtype: 'float32', dims: [4], data: Float32Array.of(1, 1, 1, 1) },
        },
        optimisation,
      );
      expect([...(got['last']?.data ?? [])]).toEqual([13, 16, 19, 22]);
      // After one row 0+1+2+3 + 4, after two 22 more, after three 38 more.
      expect([...(got['sums']?.data ?? [])]).toEqual([10, 32, 70]);
    }
  });

  it('keep their values to themselves', () => {
    const g = new GraphBuilder('outer');
    const x = g.input('x', 'float32', [2]);
    const inside = g.subgraph('inner').op('Relu', [x]);
    expect(() => g.op('Relu', [inside])).toThrow(/of another graph/);
  });
});

describe('a foreign graph', () => {
  const model = decodeModel(readFileSync(`${EXPORTS}/gpt2.dynamo.onnx`));

  it('may have more nodes than a call may have arguments', () => {
    const graph = model.graph ?? expect.fail('no graph');
    const more = Array.from({ length: 140_000 }, (_, i) => ({
      ...(graph.node[0] ?? expect.fail('no node')),
      ...{ name: `more-${i}`, output: [`more-${i}`] },
    }));
    const all = [...graph.node, ...more];
    expect(GraphBuilder.over({ ...model, graph: { ...graph, node: all } }).toGraph().node).toHaveLength(all.length);
  });

  it('is appended to without a change to what it holds', async () => {
    const g = GraphBuilder.over(model);
    const logits = g.value('logits');
    expect(logits.shape).toHaveLength(3);
    expect(logits.shape?.at(-1)).toBe(100);
    g.output(g.op('ReduceMax', [logits, g.integers(-1)], { attributes: { keepdims: 0 } }), 'top');
    const nodes = g.toGraph().node;
    expect(nodes.slice(0, model.graph?.node.length)).toEqual(model.graph?.node);
    const ids = BigInt64Array.from({ length: 6 }, (_, i) => BigInt(i + 3));
    const feed = (data: BigInt64Array): TensorValue => ({ dtype: 'int64', dims: [2, 3], data });
    const got = await run(g, { input_ids: feed(ids), attention_mask: feed(ids.map(() => 1n)) });
    const all = got['logits']?.data as Float32Array;
    const expected = Array.from({ length: 6 }, (_, i) => Math.max(...all.slice(100 * i, 100 * i + 100)));
    expect([...(got['top']?.data ?? [])]).toEqual(expected);
  });

  it('never lends its names to what is appended', () => {
    const g = GraphBuilder.over(model);
    const known = new Set(model.graph?.node.flatMap((node) => [node.name, ...node.output]));
    const value = g.op('Relu', [g.value('logits')]);
    expect(known.has(value.name)).toBe(false);
    expect(known.has(g.fresh('MatMul'))).toBe(false);
  });
});
