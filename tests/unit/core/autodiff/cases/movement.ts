// Finite-difference cases of operators that move, repeat, cut or place elements.
import type { GraphBuilder } from '../../../../../core/onnx/builder.js';
import { makeTensor } from '../../../../../core/onnx/make.js';
import type { Value } from '../../../../../core/onnx/shape.js';
import type { Draw, Knowledge, RuleCase } from '../finite-differences.js';

const RANKS: readonly Knowledge[] = ['sizes', 'ranks'];

function one(
  operator: RuleCase['operator'],
  what: string,
  { x, build, knowledge }: { x: Draw; build: (g: GraphBuilder, x: Value) => Value; knowledge?: readonly Knowledge[] },
): RuleCase {
  return { operator, what, inputs: { x }, build, ...(knowledge && { knowledge }) };
}

function reshape(what: string, shape: number[], to: number[]): RuleCase {
  return one('Reshape', what, {
    x: shape,
    build: (g, x) => g.op('Reshape', [x, g.integers(...to)]),
  });
}

interface Cut {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes?: readonly number[];
  readonly steps?: readonly number[];
}

/** Slice with stored limits, and the same with limits that the graph is fed. */
function slice(what: string, x: number[], { starts, ends, axes, steps }: Cut): RuleCase[] {
  const stored: RuleCase = one('Slice', what, {
    x,
    knowledge: RANKS,
    build: (g, value) => {
      const list = (values?: readonly number[]): Value | null => (values ? g.integers(...values) : null);
      return g.op('Slice', [value, list(starts), list(ends), list(axes), list(steps)]);
    },
  });
  const fed: RuleCase = {
    operator: 'Slice',
    what: `${what}, limits computed`,
    inputs: {
      x,
      starts: { shape: [starts.length], int64: starts },
      ends: { shape: [ends.length], int64: ends },
    },
    knowledge: ['sizes'],
    build: (g, ...limits) => {
      const list = (values?: readonly number[]): Value | null => (values ? g.integers(...values) : null);
      return g.op('Slice', [...limits, list(axes), list(steps)]);
    },
  };
  return [stored, fed];
}

function pad(what: string, pads: number[], more: { mode?: string; axes?: number[] } = {}): RuleCase {
  return one('Pad', what, {
    x: [3, 4],
    knowledge: RANKS,
    build: (g, x) =>
      g.op('Pad', [x, g.integers(...pads), null, more.axes ? g.integers(...more.axes) : null], {
        attributes: { mode: more.mode ?? 'constant' },
      }),
  });
}

export const MOVEMENT_CASES: readonly RuleCase[] = [
  reshape('to a matrix', [2, 3, 2], [6, 2]),
  reshape('with a copied and a free axis', [2, 3, 2], [0, -1]),
  reshape('to more axes', [2, 6], [2, 3, 2]),
  ...[0, 1, 2, -1].map((axis) =>
    one('Flatten', `axis ${axis}`, {
      x: [2, 3, 2],
      build: (g, x) => g.op('Flatten', [x], { attributes: { axis } }),
    }),
  ),
  one('Squeeze', 'named axes', {
    x: [1, 3, 1],
    build: (g, x) => g.op('Squeeze', [x, g.integers(0, -1)]),
  }),
  one('Squeeze', 'all axes of size 1', { x: [1, 3, 1], build: (g, x) => g.op('Squeeze', [x]) }),
  one('Unsqueeze', 'two axes', {
    x: [2, 3],
    build: (g, x) => g.op('Unsqueeze', [x, g.integers(0, -1)]),
  }),
  one('Transpose', 'permutation of three', {
    x: [2, 3, 4],
    build: (g, x) => g.op('Transpose', [x], { attributes: { perm: [1, 2, 0] } }),
  }),
  one('Transpose', 'reversed', { x: [2, 3, 2], build: (g, x) => g.op('Transpose', [x]) }),
  one('Expand', 'more axes and stretched', {
    x: [3, 1],
    build: (g, x) => g.op('Expand', [x, g.integers(2, 1, 4)]),
  }),
  one('Expand', 'shorter target', {
    x: [2, 3],
    build: (g, x) => g.op('Expand', [x, g.integers(1)]),
  }),
  {
    operator: 'Expand',
    what: 'computed target',
    inputs: { x: [2, 1], to: { shape: [2], int64: [2, 3] } },
    build: (g, x, to) => g.op('Expand', [x, to]),
  },
  one('Tile', 'two axes', {
    x: [2, 3],
    knowledge: RANKS,
    build: (g, x) => g.op('Tile', [x, g.integers(3, 2)]),
  }),
  {
    operator: 'Tile',
    what: 'computed repeats',
    inputs: { x: [2, 3], repeats: { shape: [2], int64: [1, 3] } },
    knowledge: RANKS,
    build: (g, x, repeats) => g.op('Tile', [x, repeats]),
  },
  ...[0, 1, -1].map((axis): RuleCase => ({
    operator: 'Concat',
    what: `axis ${axis}`,
    inputs: { a: axis === 0 ? [1, 3] : [2, 1], b: axis === 0 ? [2, 3] : [2, 2], c: axis === 0 ? [3, 3] : [2, 4] },
    build: (g, ...all) => g.op('Concat', all, { attributes: { axis } }),
    ...(axis === -1 && { knowledge: RANKS }),
  })),
  {
    operator: 'Concat',
    what: 'one operand constant, one alone',
    inputs: { a: [2, 2], b: [2, 3] },
    fixed: ['b'],
    build: (g, a, b) =>
      g.op('Concat', [g.op('Concat', [a], { attributes: { axis: 0 } }), b], { attributes: { axis: 1 } }),
  },
  {
    operator: 'Split',
    what: 'equal parts, two of three used',
    inputs: { x: [2, 6] },
    build: (g, x) => g.ops('Split', [x], { outputs: 3, attributes: { axis: 1, num_outputs: 3 } }).slice(1),
  },
  {
    operator: 'Split',
    what: 'told sizes, axis from the end',
    inputs: { x: [2, 6] },
    build: (g, x) => g.ops('Split', [x, g.integers(1, 3, 2)], { outputs: 3, attributes: { axis: -1 } }),
  },
  ...slice('one axis', [3, 5], { starts: [1], ends: [4], axes: [1] }),
  ...slice('two axes, one from the end', [4, 5], { starts: [1, -3], ends: [3, -1], axes: [0, -1] }),
  ...slice('without axes', [4, 3], { starts: [1, 0], ends: [9, 2] }),
  ...slice('nothing left out', [2, 3], { starts: [0], ends: [9], axes: [1] }),
  ...slice('start before the first', [4], { starts: [-9], ends: [2], axes: [0] }),
  ...slice('step 2', [2, 7], { starts: [1], ends: [7], axes: [1], steps: [2] }),
  ...slice('step 3 beside step 1', [7, 4], { starts: [0, 1], ends: [7, 3], axes: [0, 1], steps: [3, 1] }),
  ...slice('step −1: reversed', [2, 4], { starts: [-1], ends: [-9], axes: [1], steps: [-1] }),
  ...slice('step −2', [7], { starts: [5], ends: [0], axes: [0], steps: [-2] }),
  // As torch writes "to the end".
  ...[1, 2, -1].map((step) =>
    one('Slice', `to the end, step ${step}`, {
      x: [2, 5],
      knowledge: RANKS,
      build: (g, x) => {
        const limit = new BigInt64Array([step > 0 ? 2n ** 63n - 1n : -(2n ** 63n)]);
        const end = g.initializer(makeTensor('end', { dims: [1], data: limit }));
        return g.op('Slice', [x, g.integers(step > 0 ? 1 : -2), end, g.integers(1), g.integers(step)]);
      },
    }),
  ),
  pad('zeros on both sides', [1, 0, 2, 1]),
  pad('negative: a cut', [-1, 1, 0, -2]),
  pad('named axes', [1, 2], { axes: [-1] }),
  pad('reflect', [2, 1, 1, 3], { mode: 'reflect' }),
  pad('edge', [2, 0, 1, 3], { mode: 'edge' }),
  {
    operator: 'Pad',
    what: 'gradient of the value between',
    inputs: { x: [2, 3], value: [] },
    knowledge: RANKS,
    build: (g, x, value) => g.op('Pad', [x, g.integers(1, 0, 0, 2), value]),
  },
  ...[0, 1].flatMap((reverse) =>
    [0, 1].map((exclusive): RuleCase => ({
      operator: 'CumSum',
      what: `reverse ${reverse}, exclusive ${exclusive}`,
      inputs: { x: [2, 4] },
      build: (g, x) => g.op('CumSum', [x, g.integer(1)], { attributes: { reverse, exclusive } }),
    })),
  ),
  ...[0, 1].map((upper) =>
    one('Trilu', `upper ${upper}`, {
      x: [2, 3, 4],
      build: (g, x) => g.op('Trilu', [x, g.integer(1)], { attributes: { upper } }),
    }),
  ),
  one('Trilu', 'main diagonal', { x: [3, 3], build: (g, x) => g.op('Trilu', [x]) }),
  one('Dropout', 'at inference', { x: [2, 3], build: (g, x) => g.op('Dropout', [x]) }),
];
