// Proves that a row of NaN which a guard does not choose reaches no gradient through any product or norm: neither that of the rows
// beside it nor that of a factor that all rows share, nor the shape of that factor's gradient. And that attention as one operator,
// an exponential that overflows in a divisor, and a far Gelu have the slopes of their finite results.
import { describe, expect, it } from 'vitest';
import { RULES } from '../../../../core/autodiff/rules.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';
import { gradientsOf } from './backward-graphs.js';

type Feeds = Readonly<Record<string, TensorValue>>;

const floats = (dims: readonly number[], data: readonly number[]): TensorValue => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(data),
});

/** y, and the gradients of Σ y with respect to inputs of a graph, by name. */
async function gradients(
  build: (g: GraphBuilder, inputs: Record<string, Value>) => Value,
  { feeds, wrt, opset = 20 }: { feeds: Feeds; wrt: readonly string[]; opset?: number },
): Promise<Record<string, { dims: readonly number[]; data: number[] }>> {
  const g = new GraphBuilder('guarded');
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { dtype, dims }]) => [name, g.input(name, dtype, dims)]),
  );
  const y = build(g, inputs);
  const found = gradientsOf(g, y, { wrt });
  for (const name of wrt) g.output(found.get(name) as Value, `d${name}`);
  const shown = g.output(g.op('Identity', [y]), 'y');
  const made = g.toModel();
  const opsetImport = made.opsetImport.map((one) => ((one.domain ?? '') === '' ? { ...one, version: opset } : one));
  const session = await Session.create(joinChunks(encodeModel({ ...made, opsetImport })), {
    ...{ provider: 'cpu', threads: 1, optimisation: 'all' },
  });
  const dims = (y.shape ?? []).map(Number);
  const dy = floats(dims, new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(1));
  const fed = Object.entries({ ...feeds, dy }).filter(([name]) => session.inputs.includes(name));
  const results = await session.run(Object.fromEntries(fed), [shown.name, ...wrt.map((name) => `d${name}`)]);
  await session.release();
  return Object.fromEntries(
    ['y', ...wrt].map((name) => {
      const result = results[name === 'y' ? name : `d${name}`] as TensorValue;
      return [name, { dims: result.dims, data: Array.from(result.data, Number) }];
    }),
  );
}

/** Three rows of scores, the first of them hidden as a whole by a mask that is fed. */
const ROWS: Feeds = {
  x: floats([3, 2], [1, 2, 0, 0, 0, 0]),
  mask: floats([3, 2], [-Infinity, -Infinity, 0, 0, 0, 0]),
  seen: { dtype: 'bool', dims: [3, 1], data: Uint8Array.of(0, 1, 1) },
};
const ofRows = (
  after: (g: GraphBuilder, p: Value, w: Value) => Value,
): ((g: GraphBuilder, inputs: Record<string, Value>) => Value) => {
  return (g, { x, mask, seen, w }) => {
    const p = g.op('Softmax', [g.op('Add', [x as Value, mask as Value])], { attributes: { axis: -1 } });
    return g.op('Where', [seen as Value, after(g, p, w as Value), g.scalar(0)]);
  };
};

const MATRIX = floats([2, 2], [1, 2, 3, 5]);
/** p = ½, ½ in the two rows that are seen: dw[i][j] = 2 · ½; dx = p (Σ_j w − mean over i), ½ (3 − 5.5) and ½ (8 − 5.5). */
const EXPECTED = { x: [0, 0, -1.25, 1.25, -1.25, 1.25], w: [1, 1, 1, 1] };

const PRODUCTS: readonly (readonly [string, (g: GraphBuilder, p: Value, w: Value) => Value])[] = [
  ['MatMul', (g, p, w) => g.op('MatMul', [p, w])],
  ['Gemm', (g, p, w) => g.op('Gemm', [p, w])],
  [
    'Gemm of a transposed factor',
    (g, p, w) =>
      g.op('Gemm', [g.op('Transpose', [p], { attributes: { perm: [1, 0] } }), w], { attributes: { transA: 1 } }),
  ],
  ['Einsum', (g, p, w) => g.op('Einsum', [p, w], { attributes: { equation: 'ij,jk->ik' } })],
  ['Einsum with an ellipsis', (g, p, w) => g.op('Einsum', [p, w], { attributes: { equation: '...j,jk->...k' } })],
];

describe('a row of NaN behind a guard that is not chosen', () => {
  it.each(PRODUCTS)('leaves the gradients of %s finite and right', async (_, after) => {
    const found = await gradients(ofRows(after), { feeds: { ...ROWS, w: MATRIX }, wrt: ['x', 'w'] });
    expect(found['x']?.data).toEqual(EXPECTED.x);
    expect(found['w']?.data).toEqual(EXPECTED.w);
  });

  it('leaves the gradient of a vector finite and right', async () => {
    const column = ofRows((g, p, w) => g.op('Unsqueeze', [g.op('MatMul', [p, w]), g.integers(1)]));
    const found = await gradients(column, { feeds: { ...ROWS, w: floats([2], [1, 3]) }, wrt: ['x', 'w'] });
    expect(found['x']?.data).toEqual([0, 0, -0.5, 0.5, -0.5, 0.5]);
    expect(found['w']?.data).toEqual([1, 1]);
  });

  it('leaves the gradients of SkipLayerNormalization finite, and 0 in that row', async () => {
    const norm = ofRows((g, p, w) => g.op('SkipLayerNormalization', [p, p, w], { domain: 'com.microsoft' }));
    const feeds = { ...ROWS, x: floats([3, 2], [1, 2, 0, 1, 2, 0]), w: floats([2], [1, 3]) };
    const found = await gradients(norm, { feeds, wrt: ['x', 'w'] });
    expect([...(found['x']?.data ?? [NaN]), ...(found['w']?.data ?? [NaN])].every(Number.isFinite)).toBe(true);
    expect(found['x']?.data.slice(0, 2)).toEqual([0, 0]);
  });

  it('keeps the shape of a factor that several rows of products share', async () => {
    // p [3, 2] meets w [4, 2, 2]: its gradient is summed over the four, whatever the guard needs. dp = 4 Σ_j w, 0 in the hidden row.
    const found = await gradients(
      ofRows((g, p, w) => g.op('MatMul', [p, w])),
      { feeds: { ...ROWS, w: floats([4, 2, 2], [1, 2, 3, 5, 1, 2, 3, 5, 1, 2, 3, 5, 1, 2, 3, 5]) }, wrt: ['Softmax'] },
    );
    expect(found['Softmax']).toEqual({ dims: [3, 2], data: [0, 0, 12, 32, 12, 32] });
  });
});

describe('attention as one operator, with a query that sees no key', () => {
  const shape = [1, 1, 2, 2];
  const vectors: Feeds = {
    q: floats(shape, [1, 2, 3, 4]),
    k: floats(shape, [1, 0, 0, 1]),
    v: floats(shape, [1, 2, 3, 4]),
  };
  const masks: Feeds = {
    booleans: { dtype: 'bool', dims: [2, 2], data: Uint8Array.of(0, 0, 1, 0) },
    numbers: floats([2, 2], [-Infinity, -Infinity, 0, -Infinity]),
  };
  it.each(Object.keys(masks))('has no gradient from that query: its result is 0 (a mask of %s)', async (kind) => {
    const found = await gradients(
      (g, { q, k, v, mask }) => g.op('Attention', [q as Value, k as Value, v as Value, mask as Value]),
      { feeds: { ...vectors, mask: masks[kind] as TensorValue }, wrt: ['q', 'k', 'v'], opset: 23 },
    );
    expect(found['y']?.data).toEqual([0, 0, 1, 2]);
    // The second query sees the first key alone: its weight is 1 whatever the scores.
    expect(found['v']?.data).toEqual([1, 1, 0, 0]);
    expect(found['q']?.data).toEqual([0, 0, 0, 0]);
    expect(found['k']?.data).toEqual([0, 0, 0, 0]);
  });
});

describe('finite results whose slope overflows on the way', () => {
  it('x / (1 + e⁻ˣ) has slope 0 where e⁻ˣ is infinite', async () => {
    const found = await gradients(
      (g, { x }) => {
        const e = g.op('Exp', [g.op('Neg', [x as Value])]);
        return g.op('Div', [x as Value, g.op('Add', [e, g.scalar(1)])]);
      },
      { feeds: { x: floats([3], [-200, 0, 200]) }, wrt: ['x'] },
    );
    expect(found['x']?.data.map(Math.abs)).toEqual([0, 0.5, 1]);
  });

  it('1 / (1 + e⁻ˣ) has slope 0 there as well', async () => {
    const found = await gradients(
      (g, { x }) => g.op('Reciprocal', [g.op('Add', [g.op('Exp', [g.op('Neg', [x as Value])]), g.scalar(1)])]),
      { feeds: { x: floats([2], [-200, 0]) }, wrt: ['x'] },
    );
    expect(found['x']?.data.map(Math.abs)).toEqual([0, 0.25]);
  });

  it('Gelu by tanh has slopes 0 and 1 far away, and NaN at NaN', async () => {
    const found = await gradients((g, { x }) => g.op('Gelu', [x as Value], { attributes: { approximate: 'tanh' } }), {
      feeds: { x: floats([4], [-1e14, 0, 1e14, NaN]) },
      wrt: ['x'],
    });
    expect(found['x']?.data).toEqual([0, 0.5, 1, NaN]);
  });
});

describe('norms of half precision', () => {
  it('square nothing in float16, which overflows from 256 on', () => {
    for (const operator of ['LayerNormalization', 'SimplifiedLayerNormalization'] as const) {
      expect(typeof RULES[operator]).toBe('function');
      const g = new GraphBuilder('halves');
      const [x, w] = [g.input('x', 'float16', [2, 4]), g.input('w', 'float16', [4])];
      const y = g.op(operator, [x, w], { attributes: { axis: -1 } });
      const before = g.toGraph().node.length;
      const found = gradientsOf(g, y, { wrt: ['x', 'w'] });
      const added = g.toGraph().node.slice(before);
      const halves = added.filter(
        ({ opType, output: [name = ''] }) => opType !== 'Cast' && g.value(name).dtype === 'float16',
      );
      expect(halves.map(({ opType }) => opType)).toEqual([]);
      expect([...found.values()].map(({ dtype }) => dtype)).toEqual(['float16', 'float16']);
    }
  });
});
