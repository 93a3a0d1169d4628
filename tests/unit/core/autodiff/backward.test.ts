// The pass back itself: which tensors get gradients, how they add up and where they stop.
import { describe, expect, it } from 'vitest';
import { appendGradients } from '../../../../core/autodiff/backward.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { DATA_TYPE } from '../../../../core/onnx/data-type.js';
import { makeTensor } from '../../../../core/onnx/make.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';
import { failure, gradientsOf, graph } from './backward-graphs.js';

type Build = (
  g: GraphBuilder,
  x: Value,
) => { readonly outputs: readonly Value[]; readonly wrt: readonly string[]; readonly stop?: readonly string[] };

interface Result {
  readonly gradients: ReadonlyMap<string, number[]>;
  readonly operators: readonly string[];
}

/** Gradients on x of three entries (or as given), every cotangent 1 unless told. */
async function differentiate(
  build: Build,
  { x = [1, 2, 3], seeds = [] }: { x?: number[]; seeds?: number[] } = {},
): Promise<Result> {
  const g = new GraphBuilder('test');
  const input = g.input('x', 'float64', [x.length]);
  const { outputs, wrt, stop } = build(g, input);
  const before = g.toGraph().node.length;
  const cotangents = new Map(
    outputs.map((y, i) => [y.name, g.op('Expand', [g.scalar(seeds[i] ?? 1, 'float64'), g.op('Shape', [y])])]),
  );
  const appended = appendGradients(g, { cotangents, wrt, ...(stop && { stop }) });
  const operators = g
    .toGraph()
    .node.slice(before + 2 * outputs.length)
    .map((node) => node.opType ?? '');
  const named = wrt.map((name, i) => [name, g.output(appended.get(name) as Value, `grad${i}`).name] as const);
  const session = await Session.create(g.toModelBytes(), { provider: 'cpu', threads: 1, optimisation: 'all' });
  const feed: TensorValue = { dtype: 'float64', dims: [x.length], data: Float64Array.from(x) };
  const values = await session.run({ x: feed });
  await session.release();
  const gradients = new Map(named.map(([name, output]) => [name, Array.from(values[output]?.data as Float64Array)]));
  return { gradients, operators };
}

describe('gradients', () => {
  it('of several readers add up: y = x² + 3 x gives 2 x + 3', async () => {
    const { gradients } = await differentiate((g, x) => {
      const y = g.op('Add', [g.op('Mul', [x, x]), g.op('Mul', [x, g.scalar(3, 'float64')])]);
      return { outputs: [y], wrt: ['x'] };
    });
    expect(gradients.get('x')).toEqual([5, 7, 9]);
  });

  it('of tensors of which one depends on the other are both whole', async () => {
    // h = 2 x, y = h² + x: dy/dh = 2 h, dy/dx = 2 · 2 h + 1 = 8 x + 1.
    const { gradients } = await differentiate((g, x) => {
      const h = g.op('Mul', [x, g.scalar(2, 'float64')], { name: 'h' });
      return { outputs: [g.op('Add', [g.op('Mul', [h, h]), x])], wrt: ['x', 'h'] };
    });
    expect(gradients.get('h')).toEqual([4, 8, 12]);
    expect(gradients.get('x')).toEqual([9, 17, 25]);
  });

  it('of several outputs add up, each with its own cotangent', async () => {
    const build: Build = (g, x) => {
      const square = g.op('Mul', [x, x]);
      return { outputs: [square, g.op('Neg', [x])], wrt: ['x'] };
    };
    const { gradients } = await differentiate(build, { seeds: [10, 4] });
    expect(gradients.get('x')).toEqual([16, 36, 56]);
  });

  it('are linear in the cotangent', async () => {
    const build: Build = (g, x) => ({ outputs: [g.op('Tanh', [g.op('Mul', [x, x])])], wrt: ['x'] });
    const [one, two] = [await differentiate(build, { seeds: [1] }), await differentiate(build, { seeds: [-2.5] })];
    const scaled = one.gradients.get('x')?.map((d) => -2.5 * d) ?? [];
    two.gradients.get('x')?.forEach((d, i) => {
      expect(d).toBeCloseTo(scaled[i] as number, 14);
    });
  });

  it('of a tensor that is an output itself is its cotangent and what comes through it', async () => {
    const build: Build = (g, x) => {
      const h = g.op('Neg', [x], { name: 'h' });
      return { outputs: [h, g.op('Mul', [h, h])], wrt: ['h'] };
    };
    const { gradients } = await differentiate(build, { seeds: [7, 1] });
    expect(gradients.get('h')).toEqual([5, 3, 1]);
  });

  it('are zeros where all derivatives on the way are zero', async () => {
    // Only the second part of the split is used; the first is what depends on w.
    const { gradients } = await differentiate((g, x) => {
      const w = g.initializer(makeTensor('w', { dims: [3], data: Float64Array.of(1, 1, 1) }));
      const [, right] = g.ops('Split', [g.op('Concat', [w, x], { attributes: { axis: 0 } })], {
        outputs: 2,
        attributes: { axis: 0, num_outputs: 2 },
      });
      return { outputs: [right as Value], wrt: ['w', 'x'] };
    });
    expect(gradients.get('w')).toEqual([0, 0, 0]);
    expect(gradients.get('x')).toEqual([1, 1, 1]);
  });

  it('make no nodes beside the ways between wrt and outputs', async () => {
    const { operators } = await differentiate((g, x) => {
      const before = g.op('Tanh', [x]);
      const h = g.op('Exp', [before], { name: 'h' });
      g.op('Sin', [h]);
      return { outputs: [g.op('Mul', [h, g.op('Cos', [before])])], wrt: ['h'] };
    });
    expect(operators).toEqual(['Mul']);
  });

  it('do not overflow the stack on a chain of 20,000 nodes, and add one node each', () => {
    const { g, x } = graph();
    let y = x;
    for (let i = 0; i < 20_000; i++) y = g.op('Neg', [y]);
    expect(gradientsOf(g, y, { wrt: ['x'] }).size).toBe(1);
    expect(g.toGraph().node).toHaveLength(40_000);
  });

  it('work in the body of a loop under construction, on values around it', async () => {
    // w ← w − ¼ d(w − t)²/dw four times, from 0: w = t (1 − ½⁴).
    const g = new GraphBuilder('train');
    const target = g.input('t', 'float64', []);
    const body = g.subgraph('step');
    body.input('i', 'int64', []);
    const go = body.input('go', 'bool', []);
    const w = body.input('w', 'float64', []);
    const error = body.op('Sub', [w, target]);
    const loss = body.op('Mul', [error, error]);
    const gradient = appendGradients(body, {
      cotangents: new Map([[loss.name, g.scalar(1, 'float64')]]),
      wrt: ['w'],
    }).get('w') as Value;
    const step = body.op('Mul', [gradient, g.scalar(0.25, 'float64')]);
    body.output(body.op('Identity', [go]));
    body.output(body.op('Sub', [w, step]));
    const [result] = g.ops('Loop', [g.integer(4), null, g.scalar(0, 'float64')], {
      outputs: 1,
      attributes: { body: body.toGraph() },
    });
    g.output(result as Value, 'w_end');
    const session = await Session.create(g.toModelBytes(), { provider: 'cpu', threads: 1, optimisation: 'all' });
    const { w_end } = await session.run({ t: { dtype: 'float64', dims: [], data: Float64Array.of(8) } });
    await session.release();
    expect(w_end?.data[0]).toBe(7.5);
  });
});

describe('half floats', () => {
  it('give the gradients of float32 as far as they reach', async () => {
    const gradients = await Promise.all((['float32', 'float16'] as const).map(halfOrFull));
    const [full = [], half = []] = gradients;
    expect(full.length).toBe(6);
    half.forEach((x, i) => {
      expect(x).toBeCloseTo(full[i] as number, 2);
    });
  });
});

/** d sum(softmax(tanh(x) w)²) / dw in one of two element types, fed and read as float32. */
async function halfOrFull(dtype: 'float32' | 'float16'): Promise<number[]> {
  const g = new GraphBuilder('half');
  const as = (value: Value, to: 'float32' | 'float16'): Value =>
    g.op('Cast', [value], { attributes: { to: DATA_TYPE[to] } });
  const x = as(g.input('x', 'float32', [2, 2]), dtype);
  const w = as(g.input('w', 'float32', [2, 3]), dtype);
  const p = g.op('Softmax', [g.op('MatMul', [g.op('Tanh', [x]), w])]);
  const loss = g.op('ReduceSum', [g.op('Mul', [p, p])], { attributes: { keepdims: 0 } });
  const gradient = appendGradients(g, { cotangents: new Map([[loss.name, g.scalar(1, dtype)]]), wrt: [w.name] }).get(
    w.name,
  ) as Value;
  g.output(as(gradient, 'float32'), 'grad');
  const session = await Session.create(g.toModelBytes(), { provider: 'cpu', threads: 1, optimisation: 'disabled' });
  const feed = (dims: number[], data: number[]): TensorValue => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(data),
  });
  const { grad } = await session.run({
    x: feed([2, 2], [0.3, -1, 0.7, 0.2]),
    w: feed([2, 3], [1, -0.5, 0.25, 0.75, -1, 0.5]),
  });
  await session.release();
  return Array.from(grad?.data as Float32Array);
}

describe('stop tensors', () => {
  it('let nothing through: x · stop(x) gives stop(x)', async () => {
    const { gradients } = await differentiate((g, x) => {
      const frozen = g.op('Identity', [x], { name: 'frozen' });
      return { outputs: [g.op('Mul', [x, frozen])], wrt: ['x'], stop: ['frozen'] };
    });
    expect(gradients.get('x')).toEqual([1, 2, 3]);
  });

  it('still tell what arrives at them where they are wrt tensors', async () => {
    const { gradients } = await differentiate((g, x) => {
      const h = g.op('Mul', [x, x], { name: 'h' });
      return { outputs: [g.op('Add', [g.op('Mul', [h, h]), x])], wrt: ['x', 'h'], stop: ['h'] };
    });
    expect(gradients.get('h')).toEqual([2, 8, 18]);
    expect(gradients.get('x')).toEqual([1, 1, 1]);
  });

  it('on every way are told', () => {
    const { g, x } = graph();
    const h = g.op('Tanh', [x], { name: 'h' });
    const y = g.op('Neg', [h], { name: 'y' });
    const error = failure(() => gradientsOf(g, y, { wrt: ['x'], stop: ['h'] }));
    expect(error.message).toContain('no stop tensor, but "h" is one: "x" → Tanh "h" → Neg "y"');
    expect(error.details).toMatchObject({ stop: 'h', wrt: 'x' });
  });
});
