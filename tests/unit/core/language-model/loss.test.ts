// The blocked cross-entropy and its gradients equal the written-out loss and its finite differences, whatever the
// blocks; weights that no step could use are refused.
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { blockRows, buildLoss } from '../../../../core/language-model/loss.js';
import { checkLossWeights } from '../../../../core/language-model/loss-weights.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';
import { InputError } from '../../../../schemas/errors.js';

const WIDTH = 6;

interface Case {
  readonly rows: number;
  readonly vocabulary: number;
  readonly hidden: Float64Array;
  readonly W: Float64Array;
  readonly targets: Int32Array;
  readonly coefficients: Float64Array;
}

function makeCase(rows: number, vocabulary: number, scale = 1): Case {
  const random = new KeyedRandom('loss', rows, vocabulary);
  const normal = (n: number): Float64Array =>
    Float64Array.from({ length: n }, () => Math.fround(random.nextNormal() * scale));
  return {
    rows,
    vocabulary,
    hidden: normal(rows * WIDTH),
    W: normal(vocabulary * WIDTH),
    targets: Int32Array.from({ length: rows }, () => random.nextInt(vocabulary)),
    coefficients: Float64Array.from({ length: rows }, () => Math.fround(random.nextFloat() / rows)),
  };
}

/** Σ c (log Σ exp l − l_t), written out. */
function lossOf({ rows, vocabulary, hidden, W, targets, coefficients }: Case): number {
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    const logits = Array.from({ length: vocabulary }, (_, v) => {
      let sum = 0;
      for (let d = 0; d < WIDTH; d++) sum += (hidden[i * WIDTH + d] ?? NaN) * (W[v * WIDTH + d] ?? NaN);
      return sum;
    });
    const top = Math.max(...logits);
    const logSum = top + Math.log(logits.reduce((a, l) => a + Math.exp(l - top), 0));
    loss += (coefficients[i] ?? NaN) * (logSum - (logits[targets[i] ?? -1] ?? NaN));
  }
  return loss;
}

async function run(c: Case, uniform = false): Promise<Record<string, Float32Array>> {
  const g = new GraphBuilder('loss');
  const sizes = { rows: c.rows, width: WIDTH, vocabulary: c.vocabulary };
  const values = buildLoss(g, {
    hidden: g.input('hidden', 'float32', [c.rows, WIDTH]),
    unembedding: g.input('W', 'float32', [c.vocabulary, WIDTH]),
    targets: g.input('targets', 'int32', [c.rows]),
    coefficient: uniform ? 1 / c.rows : g.input('c', 'float32', [c.rows, 1]),
    sizes,
  });
  g.output(values.loss, 'loss');
  g.output(values.hidden, 'dhidden');
  g.output(values.unembedding, 'dW');
  const settings = { provider: 'cpu' as const, threads: 2, optimisation: 'all' as const };
  const session = await Session.create(g.toModelBytes(), settings);
  const float = (data: Float64Array, dims: number[]): TensorValue => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(data),
  });
  const outputs = await session.run({
    hidden: float(c.hidden, [c.rows, WIDTH]),
    W: float(c.W, [c.vocabulary, WIDTH]),
    targets: { dtype: 'int32', dims: [c.rows], data: c.targets },
    ...(!uniform && { c: float(c.coefficients, [c.rows, 1]) }),
  });
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, value.data as Float32Array]));
}

describe('the blocked loss', () => {
  it('and its gradients equal central differences', async () => {
    const c = makeCase(5, 7);
    const found = await run(c);
    expect(found['loss']?.[0]).toBeCloseTo(lossOf(c), 5);
    for (const [tensor, gradient] of [
      ['hidden', 'dhidden'],
      ['W', 'dW'],
    ] as const)
      c[tensor].forEach((value, i) => {
        const at = (shift: number): number =>
          lossOf({ ...c, [tensor]: c[tensor].map((v, j) => (j === i ? value + shift : v)) });
        const difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        expect(Math.abs((found[gradient]?.[i] ?? NaN) - difference)).toBeLessThan(2e-6);
      });
  });

  it('is the same over several blocks, the last one shorter', async () => {
    const many = { rows: 150, width: WIDTH, vocabulary: 30_000 };
    expect(Math.ceil(many.rows / blockRows(many))).toBe(3);
    const c = makeCase(many.rows, many.vocabulary, 0.5);
    const found = await run(c);
    expect(Math.abs((found['loss']?.[0] ?? NaN) / lossOf(c) - 1)).toBeLessThan(2e-6);
    // dh of a row in the last block depends on that row alone.
    const [from, to] = [(many.rows - 3) * WIDTH, many.rows * WIDTH];
    const last = {
      ...c,
      rows: 3,
      hidden: c.hidden.slice(from, to),
      targets: c.targets.slice(-3),
      coefficients: c.coefficients.slice(-3),
    };
    const alone = await run(last);
    found['dhidden']
      ?.subarray(from, to)
      .forEach((value, i) => expect(value).toBeCloseTo(alone['dhidden']?.[i] ?? NaN, 6));
  });

  it('with equal coefficients takes one number for all rows', async () => {
    const c = makeCase(9, 11);
    const equal = { ...c, coefficients: c.coefficients.map(() => 1 / 9) };
    const [column, number] = [await run(equal), await run(equal, true)];
    for (const name of ['loss', 'dhidden', 'dW'])
      column[name]?.forEach((value, i) => expect(value).toBeCloseTo(number[name]?.[i] ?? NaN, 6));
  });

  it('stays finite and exact where the target is out of all likelihood', async () => {
    const c = makeCase(4, 12, 40);
    const found = await run(c);
    expect(lossOf(c)).toBeGreaterThan(1000);
    expect(Math.abs((found['loss']?.[0] ?? NaN) / lossOf(c) - 1)).toBeLessThan(1e-5);
    expect(found['dW']?.every(Number.isFinite)).toBe(true);
  });
});

describe('loss weights', () => {
  const at = { from: 10, perStep: 3 };
  it('pass where each step has one above 0', () => {
    expect(() => checkLossWeights(Float32Array.of(0, 1, 0, 0, 0, 2.5), at)).not.toThrow();
  });

  it.each([
    ['all zero in a step', [1, 1, 1, 0, 0, 0], /all 3 of step 11 are 0/],
    ['negative', [1, 1, 1, 1, -0.5, 1], /not negative, got -0\.5 at target 1 of step 11/],
    ['not a number', [NaN, 1, 1], /got NaN at target 0 of step 10/],
    ['infinite', [1, 1, Infinity], /got Infinity at target 2 of step 10/],
  ])('that are %s are refused with step and place', (_, weights, message) => {
    const check = (): void => checkLossWeights(Float32Array.from(weights), at);
    expect(check).toThrow(InputError);
    expect(check).toThrow(message);
  });
});
