// Every kind of edit as a graph, run by ONNX Runtime, against the formulas written out as loops over numbers.
import { describe, expect, it } from 'vitest';
import { editValue, type EditTensor } from '../../../../core/hooks/edit-value.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { DATA_TYPE } from '../../../../core/onnx/data-type.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { Session, type Optimisation, type TensorValue } from '../../../../runtime/session.js';
import type { ResolvedSiteEdit } from '../../../../schemas/model-edits.js';

const random = new KeyedRandom('edits', 'values');
const floats = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.nextFloat() * 2 - 1);

const STREAM = ['batch', 'pos', 'd_model'];
const HEADS = ['batch', 'pos', 'head', 'd_head'];
const PATTERN = ['batch', 'head', 'query_pos', 'key_pos'];

type Change = Omit<ResolvedSiteEdit, 'site'>;

interface Case {
  readonly axes: readonly string[];
  readonly dims: readonly number[];
  readonly edit: Change;
  readonly tensors?: Readonly<Record<string, EditTensor>>;
  readonly x?: Float32Array;
  readonly optimisation?: Optimisation;
}

async function edited({ axes, dims, edit, tensors = {}, x, optimisation = 'all' }: Case) {
  const g = new GraphBuilder('edited');
  const named = ['batch', 'pos', 'query_pos', 'key_pos'];
  const shape = axes.map((axis, i) => (named.includes(axis) ? axis : (dims[i] ?? 0)));
  const input = g.input('x', 'float32', shape);
  const one = {
    edit: { site: 's', ...edit },
    site: { axes },
    tensors: new Map(Object.entries(tensors)),
  };
  g.output(editValue(g, input, one), 'y');
  const session = await Session.create(g.toModelBytes(), {
    provider: 'cpu',
    threads: 1,
    optimisation,
  });
  try {
    const data = x ?? floats(dims.reduce((a, b) => a * b, 1));
    const feed: TensorValue = { dtype: 'float32', dims, data };
    const { y } = await session.run({ x: feed });
    return { x: data, y: y?.data as Float32Array, dims: y?.dims };
  } finally {
    await session.release();
  }
}

/** x changed by a function of the number, its place along each axis, and its flat index. */
function expected(
  x: Float32Array,
  dims: readonly number[],
  change: (value: number, place: number[], index: number) => number,
): Float32Array {
  return x.map((value, index) => {
    let rest = index;
    const place = [...dims].reverse().map((size) => {
      const at = rest % size;
      rest = Math.floor(rest / size);
      return at;
    });
    return change(value, place.reverse(), index);
  });
}

const dims = [2, 5, 4];
const unit = Float32Array.of(0.5, -0.5, 0.5, 0.5);
const along = { tensors: { v: { shape: [4], data: unit } } };
const dot = (x: Float32Array, row: number): number =>
  [0, 1, 2, 3].reduce((sum, j) => sum + (x[row * 4 + j] as number) * (unit[j] as number), 0);

function near(got: Float32Array, wanted: Float32Array): void {
  expect(got.length).toBe(wanted.length);
  const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))), 0);
  expect(worst).toBeLessThanOrEqual(1e-6);
}

describe.each(['disabled', 'all'] as const)('an edit, optimisation %s', (optimisation) => {
  const run = (given: Omit<Case, 'optimisation'>) => edited({ ...given, optimisation });

  it('sets the chosen positions to a number and leaves the others bit for bit', async () => {
    const edit: Change = {
      op: 'set',
      value: 0.25,
      at: [
        { from: 1, to: 3 },
        { from: -1, to: null },
      ],
    };
    const { x, y } = await run({ axes: STREAM, dims, edit });
    expect(y).toEqual(expected(x, dims, (v, [, p]) => ([1, 2, 4].includes(p ?? -1) ? 0.25 : v)));
  });

  it('sets everywhere to a vector, also where the value was not finite', async () => {
    const data = floats(4);
    const x = floats(40).fill(NaN, 0, 3);
    const edit: Change = { op: 'set', value: { tensor: 'a' } };
    const tensors = { a: { shape: [1, 1, 4], data } };
    const { y, dims: shape } = await run({ axes: STREAM, dims, edit, tensors, x });
    expect(shape).toEqual(dims);
    expect(y).toEqual(expected(x, dims, (_, [, , j]) => data[j ?? 0] as number));
  });

  it('sets positions to the rows that are meant for them', async () => {
    const data = floats(3 * 4);
    const at = [
      { from: 0, to: 1, row: 2 },
      { from: -2, to: null, row: 0 },
    ];
    const edit: Change = { op: 'set', value: { tensor: 'a' }, at };
    const { x, y } = await run({
      axes: STREAM,
      dims,
      edit,
      tensors: { a: { shape: [1, 3, 4], data } },
    });
    const row = [2, -1, -1, 0, 1]; // of positions 0 … 4
    expect(y).toEqual(
      expected(x, dims, (v, [, p, j]) => {
        const from = row[p ?? 0] as number;
        return from < 0 ? v : (data[from * 4 + (j ?? 0)] as number);
      }),
    );
  });

  it('sets each context to its own values where there are as many', async () => {
    const data = floats(2 * 5 * 4);
    const at = [{ from: 1, to: 2, row: 1 }];
    const edit: Change = { op: 'set', value: { tensor: 'a' }, at };
    const { x, y } = await run({ axes: STREAM, dims, edit, tensors: { a: { shape: dims, data } } });
    expect(y).toEqual(expected(x, dims, (v, [, p], i) => (p === 1 ? (data[i] as number) : v)));
  });

  it('leaves contexts that are too short for a position as they are', async () => {
    const data = floats(8 * 4);
    const short = [3, 2, 4];
    for (const at of [[{ from: 5, to: 8, row: 0 }], [{ from: -4, to: -2, row: 2 }], [{ from: 2, to: -1, row: 0 }]]) {
      const edit: Change = { op: 'set', value: { tensor: 'a' }, at };
      const { x, y } = await run({ axes: STREAM, dims: short, edit, tensors: { a: { shape: [1, 8, 4], data } } });
      expect(y).toEqual(x);
    }
  });

  it('gives the last positions of a short context the last rows', async () => {
    const data = floats(8 * 4);
    const short = [1, 2, 4];
    const edit: Change = {
      op: 'set',
      value: { tensor: 'a' },
      at: [{ from: -3, to: null, row: 5 }],
    };
    const { y } = await run({ axes: STREAM, dims: short, edit, tensors: { a: { shape: [1, 8, 4], data } } });
    expect(y).toEqual(data.slice(6 * 4)); // of the rows 5, 6, 7 for −3, −2, −1
  });

  it('scales, adds a multiple, ablates to zero and to a mean', async () => {
    const data = floats(4);
    const tensors = { a: { shape: [1, 1, 4], data } };
    const value = { tensor: 'a' };
    const a = (j: number | undefined): number => data[j ?? 0] as number;
    const scaled = await run({ axes: STREAM, dims, edit: { op: 'scale', factor: -3 } });
    near(
      scaled.y,
      expected(scaled.x, dims, (v) => -3 * v),
    );
    const added = await run({ axes: STREAM, dims, edit: { op: 'add', value, factor: 2 }, tensors });
    near(
      added.y,
      expected(added.x, dims, (v, [, , j]) => v + 2 * a(j)),
    );
    const zero = await run({ axes: STREAM, dims, edit: { op: 'ablate' } });
    expect(zero.y.every((v) => v === 0)).toBe(true);
    const mean = await run({ axes: STREAM, dims, edit: { op: 'ablate', value }, tensors });
    expect(mean.y).toEqual(expected(mean.x, dims, (_, [, , j]) => a(j)));
  });

  it('changes nothing by a factor of one and by its own value', async () => {
    const v = { along: { tensor: 'v' } };
    const edits: Change[] = [
      { op: 'scale', factor: 1 },
      { op: 'scale', factor: 1, ...v },
    ];
    for (const edit of edits) {
      const { x, y } = await run({ axes: STREAM, dims, edit, ...along });
      expect(y).toEqual(x);
    }
    const x = floats(40);
    for (const edit of [{}, v]) {
      const tensors = { ...along.tensors, a: { shape: dims, data: x } };
      const at = [{ from: 0, to: null, row: 0 }];
      const set: Change = { op: 'set', value: { tensor: 'a' }, at, ...edit };
      expect((await run({ axes: STREAM, dims, edit: set, tensors, x })).y).toEqual(x);
    }
  });

  it('moves along a direction only', async () => {
    const x = floats(40);
    const v = { along: { tensor: 'v' } };
    const change = (coefficient: (s: number) => number) =>
      expected(x, dims, (value, [, , j], i) => {
        return value + coefficient(dot(x, Math.floor(i / 4))) * (unit[j ?? 0] as number);
      });
    const of = async (edit: Change, tensors = {}) =>
      (await run({ axes: STREAM, dims, edit, x, tensors: { ...along.tensors, ...tensors } })).y;
    near(
      await of({ op: 'set', value: 0.7, ...v }),
      change((s) => 0.7 - s),
    );
    near(
      await of({ op: 'scale', factor: 4, ...v }),
      change((s) => 3 * s),
    );
    near(
      await of({ op: 'add', factor: 2, ...v }),
      change(() => 2),
    );
    near(
      await of({ op: 'add', value: 3, factor: 2, ...v }),
      change(() => 6),
    );
    near(
      await of({ op: 'ablate', ...v }),
      change((s) => -s),
    );
    near(
      await of({ op: 'ablate', value: 0.3, ...v }),
      change((s) => 0.3 - s),
    );
    // A vector counts by its own part along v, a number per position as that coefficient.
    const data = floats(4);
    const a = { a: { shape: [1, 1, 4], data } };
    near(
      await of({ op: 'set', value: { tensor: 'a' }, ...v }, a),
      change((s) => dot(data, 0) - s),
    );
    const rows = floats(5);
    const at = [{ from: 0, to: null, row: 0 }];
    const set = await of({ op: 'set', value: { tensor: 'a' }, at, ...v }, { a: { shape: [1, 5, 1], data: rows } });
    near(
      set,
      expected(x, dims, (value, [, p, j], i) => {
        const s = dot(x, Math.floor(i / 4));
        return value + ((rows[p ?? 0] as number) - s) * (unit[j ?? 0] as number);
      }),
    );
  });

  it('acts on chosen heads', async () => {
    const shape = [2, 3, 4, 2];
    const data = floats(4 * 2);
    const tensors = { a: { shape: [1, 1, 4, 2], data } };
    const edit: Change = {
      op: 'set',
      value: { tensor: 'a' },
      heads: [1, 3],
      at: [{ from: 2, to: 3 }],
    };
    const { x, y } = await run({ axes: HEADS, dims: shape, edit, tensors });
    expect(y).toEqual(
      expected(x, shape, (v, [, p, h = 0, j = 0]) => (p === 2 && h % 2 === 1 ? (data[h * 2 + j] as number) : v)),
    );
  });

  it('sets attention patterns by query position, cut to the keys of the context', async () => {
    const shape = [1, 2, 3, 3];
    const data = floats(2 * 5 * 5);
    const at = [{ from: 1, to: null, row: 1 }];
    const edit: Change = { op: 'set', value: { tensor: 'a' }, heads: [1], at };
    const tensors = { a: { shape: [1, 2, 5, 5], data } };
    const { x, y } = await run({ axes: PATTERN, dims: shape, edit, tensors });
    expect(y).toEqual(
      expected(x, shape, (v, [, h = 0, q = 0, k = 0]) =>
        h === 1 && q >= 1 ? (data[h * 25 + q * 5 + k] as number) : v,
      ),
    );
  });
});

describe('an edit', () => {
  it.each(['float16', 'float64'] as const)('keeps %s', async (dtype) => {
    const g = new GraphBuilder('typed');
    const input = g.input('x', 'float32', ['batch', 'pos', 4]);
    const x = g.op('Cast', [input], { attributes: { to: DATA_TYPE[dtype] } });
    const tensors = new Map([['v', { shape: [4], data: unit }]]);
    const edit = { site: 's', op: 'scale' as const, factor: 3, along: { tensor: 'v' } };
    const y = editValue(g, x, { edit, site: { axes: STREAM }, tensors });
    expect(y.dtype).toBe(dtype);
    g.output(g.op('Cast', [y], { attributes: { to: DATA_TYPE.float32 } }), 'y');
    const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
    const session = await Session.create(g.toModelBytes(), engine);
    const data = Float32Array.of(1, 0.5, -2, 0.25, 0.125, 1, 1, 1);
    const { y: got } = await session.run({ x: { dtype: 'float32', dims: [1, 2, 4], data } });
    await session.release();
    // x·v = (1 − 0.5 − 2 + 0.25) / 2 = −0.625 and (0.125 − 1 + 1 + 1) / 2 = 0.5625; all exact in halves.
    const wanted = data.map((value, i) => value + 2 * (i < 4 ? -0.625 : 0.5625) * (unit[i % 4] as number));
    expect(got?.data).toEqual(wanted);
  });

  it('names the tensor that is not there', async () => {
    const edit: Change = { op: 'set', value: { tensor: 'none' } };
    await expect(edited({ axes: STREAM, dims, edit })).rejects.toThrow(
      'Expected the tensor none that an edit reads, found 0 others',
    );
  });
});
