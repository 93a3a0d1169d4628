// Proves that gradients behind a guard are finite: where a Where (or a limit) does not choose a value that is no number, nothing
// of it reaches the gradient; that a NaN which is chosen is not hidden; and that graphs without a guard get no node for it.
import { describe, expect, it } from 'vitest';
import { findGuards } from '../../../../core/autodiff/guards.js';
import { scalarsOf } from '../../../../core/autodiff/scalars.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { makeTensor } from '../../../../core/onnx/make.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { Session } from '../../../../runtime/session.js';
import { gradientsOf } from './backward-graphs.js';

type Build = (g: GraphBuilder, x: Value) => Value;

/** d(Σ y) / dx at the given numbers, as rows of two. */
async function gradientAt(build: Build, numbers: readonly number[]): Promise<number[]> {
  const g = new GraphBuilder('guarded');
  const rows = numbers.length / 2;
  const x = g.input('x', 'float32', [rows, 2]);
  const y = build(g, x);
  const gradient = gradientsOf(g, y, { wrt: ['x'] }).get('x') as Value;
  g.output(gradient, 'dx');
  const session = await Session.create(joinChunks(encodeModel(g.toModel())), {
    ...{ provider: 'cpu', threads: 1, optimisation: 'all' },
  });
  const dims = y.shape?.map((size) => (typeof size === 'number' ? size : rows)) ?? [];
  const ones = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1);
  const feeds = {
    x: { dtype: 'float32', dims: [rows, 2], data: Float32Array.from(numbers) },
    dy: { dtype: 'float32', dims, data: ones },
  } as const;
  const { dx } = await session.run(Object.fromEntries(Object.entries(feeds)), ['dx']);
  await session.release();
  return Array.from(dx?.data as Float32Array);
}

const above =
  (f: Build): Build =>
  (g, x) =>
    g.op('Where', [g.op('Greater', [x, g.scalar(0)]), f(g, x), g.scalar(7)]);

interface Case {
  readonly build: Build;
  readonly at: readonly number[];
  readonly gradient: readonly number[];
}

const GUARDED: readonly (readonly [string, Case])[] = [
  ['Log behind Where', { build: above((g, x) => g.op('Log', [x])), at: [0, 2, -1, 4], gradient: [0, 0.5, 0, 0.25] }],
  ['Sqrt behind Where', { build: above((g, x) => g.op('Sqrt', [x])), at: [0, 4, -1, 1], gradient: [0, 0.25, 0, 0.5] }],
  [
    'Div by x behind Where',
    { build: above((g, x) => g.op('Div', [g.scalar(1), x])), at: [0, 2, -1, 1], gradient: [0, -0.25, 0, -1] },
  ],
  [
    'Div of x by x behind Where',
    { build: above((g, x) => g.op('Div', [x, x])), at: [0, 2, -1, 1], gradient: [0, 0, 0, 0] },
  ],
  [
    'Reciprocal behind Where',
    { build: above((g, x) => g.op('Reciprocal', [x])), at: [0, 2, -1, 1], gradient: [0, -0.25, 0, -1] },
  ],
  [
    'a negative power behind Where',
    { build: above((g, x) => g.op('Pow', [x, g.scalar(-2)])), at: [0, 1, -1, 2], gradient: [0, -2, 0, -0.25] },
  ],
  [
    'Mul with an infinity behind Where',
    { build: above((g, x) => g.op('Mul', [x, g.op('Log', [x])])), at: [0, 1, 0, 1], gradient: [0, 1, 0, 1] },
  ],
  [
    'a softplus that Where keeps from overflow',
    {
      build: (g, x) => {
        const soft = g.op('Log', [g.op('Add', [g.op('Exp', [x]), g.scalar(1)])]);
        return g.op('Where', [g.op('Greater', [x, g.scalar(20)]), x, soft]);
      },
      at: [0, 1000, 100, 0],
      gradient: [0.5, 1, 1, 0.5],
    },
  ],
  [
    'Log behind Clip',
    {
      build: (g, x) => g.op('Clip', [g.op('Log', [x]), g.scalar(-100)]),
      at: [0, 2, 4, 0],
      gradient: [0, 0.5, 0.25, 0],
    },
  ],
  [
    'a norm of length 0 behind Where',
    {
      build: (g, x) => {
        const length = g.op('Sqrt', [
          g.op('ReduceSum', [g.op('Mul', [x, x]), g.integers(1)], { attributes: { keepdims: 1 } }),
        ]);
        const shown = g.op('Greater', [length, g.scalar(0)]);
        return g.op('Where', [shown, g.op('Div', [x, length]), g.scalar(0)]);
      },
      at: [0, 0, 3, 4],
      gradient: [0, 0, (4 * (4 - 3)) / 125, (3 * (3 - 4)) / 125],
    },
  ],
];

describe('the gradient behind a guard is finite and right', () => {
  it.each(GUARDED)('%s', async (_, { build, at, gradient: expected }) => {
    const found = await gradientAt(build, at);
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] as number, 5);
    });
  });
});

/** x [rows, 2] hidden with −∞ where it is 9 or more, as a softmax over rows, with a guard. */
const attention =
  (operator: string, guard: (g: GraphBuilder, p: Value) => Value): Build =>
  (g, x) => {
    const mask = g.op('Where', [g.op('Less', [x, g.scalar(9)]), g.scalar(0), g.scalar(-Infinity)]);
    return guard(g, g.op(operator, [g.op('Add', [x, mask])], { attributes: { axis: -1 } }));
  };
const noNaN = (g: GraphBuilder, p: Value): Value => g.op('Where', [g.op('IsNaN', [p]), g.scalar(0), p]);

describe('a row that is masked as a whole', () => {
  it('gives zeros behind the guard of a softmax, and the other rows are as without it', async () => {
    const weighted = attention('Softmax', (g, p) =>
      g.op('Mul', [noNaN(g, p), g.initializer(makeTensor('w', { dims: [2], data: Float32Array.of(1, 3) }))]),
    );
    const [a, b, c, d] = await gradientAt(weighted, [9, 9, 0, 0]);
    expect([a, b]).toEqual([0, 0]);
    // p = ½, ½: dx = p (w − Σ p w) = ½ (1 − 2), ½ (3 − 2)
    expect([c, d]).toEqual([-0.5, 0.5]);
  });

  it('gives zeros behind the guard of a log softmax', async () => {
    const found = await gradientAt(attention('LogSoftmax', noNaN), [9, 9, 0, 0]);
    expect(found).toEqual([0, 0, 0, 0]);
  });

  it('gives zeros where the guard stands after the product with the values', async () => {
    const guarded = attention('Softmax', (g, p) => {
      const values = g.initializer(makeTensor('v', { dims: [2, 1], data: Float32Array.of(1, 3) }));
      return noNaN(g, g.op('MatMul', [p, values]));
    });
    expect(await gradientAt(guarded, [9, 9, 0, 0])).toEqual([0, 0, -0.5, 0.5]);
  });

  it('is NaN without a guard: what is chosen is not hidden', async () => {
    const unguarded = attention('Softmax', (_, p) => p);
    const found = await gradientAt(unguarded, [9, 9, 0, 0]);
    expect(found).toEqual([NaN, NaN, 0, 0]);
  });
});

it('a chosen infinity is not hidden either', async () => {
  const [at0] = await gradientAt(
    (g, x) => g.op('Where', [g.op('GreaterOrEqual', [x, g.scalar(0)]), g.op('Sqrt', [x]), g.scalar(0)]),
    [0, 1],
  );
  expect(at0).toBe(Infinity);
});

it('an ordinary norm, masked attention without a guard and a gated activation have no guarded node', () => {
  const g = new GraphBuilder('plain');
  const x = g.input('x', 'float32', ['n', 4]);
  const mean = g.op('ReduceMean', [g.op('Mul', [x, x]), g.integers(-1)], { attributes: { keepdims: 1 } });
  const normed = g.op('Div', [x, g.op('Sqrt', [g.op('Add', [mean, g.scalar(1e-5)])])]);
  const scores = g.op('MatMul', [normed, g.op('Transpose', [normed], { attributes: { perm: [1, 0] } })]);
  const seen = g.op('Greater', [scores, g.scalar(0)]);
  const pattern = g.op('Softmax', [g.op('Where', [seen, scores, g.scalar(-Infinity)])], { attributes: { axis: -1 } });
  const z = g.op('MatMul', [pattern, normed]);
  const again = g.op('MatMul', [z, g.op('Transpose', [z], { attributes: { perm: [1, 0] } })]);
  g.output(g.op('Softmax', [g.op('Where', [seen, again, g.scalar(-Infinity)])], { attributes: { axis: -1 } }), 'y');
  const graph = g.toGraph();
  const active = new Set(['x', ...graph.node.flatMap(({ output }) => output)]);
  const guards = findGuards({
    ...{ nodes: graph.node, graph, active, scalars: scalarsOf(graph) },
    find: (tensor) => g.find(tensor),
  });
  expect(graph.node.filter((node) => guards.isGuarded(node)).map(({ opType }) => opType)).toEqual([]);
});
