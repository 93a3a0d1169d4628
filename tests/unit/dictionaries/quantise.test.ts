// Kernels of candidates in 8 bits against JavaScript: bytes and scales, the transposed layout, scores and choice.
import { describe, expect, it } from 'vitest';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { Kernels } from '../../../runtime/kernels/kernels.js';

const round = Math.fround;

/** As kernels/quantise.ts: to the nearest, ties to even. */
function quantised(row: Float32Array): { readonly scale: number; readonly q: number[] } {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const factor = largest > 0 ? round(127 / largest) : 0;
  const even = (x: number): number => {
    const low = Math.floor(x);
    const rest = x - low;
    return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  };
  return { scale: round(largest / 127), q: Array.from(row, (value) => even(round(value * factor)) + 0) };
}

function normal(count: number, seed: number): Float32Array {
  const random = new KeyedRandom('quantise', seed);
  return Float32Array.from({ length: count }, () => random.nextNormal());
}

describe('rows in 8 bits', () => {
  it.each([4, 12, 16, 20, 64, 84])('of %d columns are those of JavaScript, signed and unsigned', (stride) => {
    const rows = 5;
    const k = new Kernels(4 * rows * stride + 2 * rows * stride + 4 * 64 + 1024);
    const matrix = k.floats(rows * stride);
    const [signed, unsigned] = [k.bytes(rows * stride), k.bytes(rows * stride)];
    const scales = k.floats(rows);
    matrix.data.set(normal(rows * stride, stride));
    matrix.data.fill(0, stride, 2 * stride); // a row of zeros
    matrix.data.fill(-3.5, 2 * stride, 3 * stride); // a row of one magnitude
    k.run.quantiseRows(rows, 0, stride, matrix.address, signed.address, scales.address, 0);
    k.run.quantiseRows(rows, 0, stride, matrix.address, unsigned.address, scales.address, 128);
    for (let b = 0; b < rows; b++) {
      const { scale, q } = quantised(matrix.data.subarray(b * stride, (b + 1) * stride));
      expect(scales.data[b]).toBe(scale);
      expect(Array.from(new Int8Array(signed.data.slice(b * stride, (b + 1) * stride).buffer))).toEqual(q);
      expect(Array.from(unsigned.data.subarray(b * stride, (b + 1) * stride))).toEqual(q.map((value) => value + 128));
    }
    expect(Array.from(signed.data.subarray(stride, 2 * stride))).toEqual(Array(stride).fill(0));
    expect(Array.from(unsigned.data.subarray(2 * stride, 3 * stride))).toEqual(Array(stride).fill(1));
  });

  it('are written for the places that are named, and for no others', () => {
    const k = new Kernels(2000);
    const [matrix, bytes, scales, places] = [k.floats(32), k.bytes(32), k.floats(4), k.words(2)];
    matrix.data.set(normal(32, 1));
    bytes.data.fill(77);
    places.data.set([1, 3]);
    k.run.quantiseRows(2, places.address, 8, matrix.address, bytes.address, scales.address, 128);
    expect(Array.from(bytes.data.subarray(0, 8))).toEqual(Array(8).fill(77));
    expect(Array.from(bytes.data.subarray(16, 24))).toEqual(Array(8).fill(77));
    const { q } = quantised(matrix.data.subarray(24, 32));
    expect(Array.from(bytes.data.subarray(24, 32))).toEqual(q.map((value) => value + 128));
    expect([scales.data[0], scales.data[2]]).toEqual([0, 0]);
  });

  it.each([
    [1, 4],
    [5, 12],
    [16, 8],
    [37, 20],
  ])('of %d rows and %d columns stand column by column, with what they sum to', (rows, stride) => {
    const k = new Kernels(4000);
    const [bytes, out, sums] = [k.bytes(rows * stride), k.bytes(rows * stride), k.integers(rows)];
    bytes.data.forEach((_, i) => (bytes.data[i] = (i * 37) % 255));
    k.run.transposeBytes(rows, stride, bytes.address, out.address, sums.address);
    const signed = new Int8Array(bytes.data);
    for (let b = 0; b < rows; b++) {
      let sum = 0;
      for (let j = 0; j < stride; j++) {
        expect(out.data[j * rows + b]).toBe(bytes.data[b * stride + j]);
        sum += signed[b * stride + j] as number;
      }
      expect(sums.data[b]).toBe(128 * sum);
    }
  });
});

interface Key {
  readonly feature: number;
  readonly value: number;
}

const keyOf = (key: bigint): Key => {
  const bits = new Uint32Array([Number(key >> 32n)]);
  return { feature: Number(~key & 0xffffffffn), value: new Float32Array(bits.buffer)[0] as number };
};

describe('candidates by integer scores', () => {
  it.each([3, 8, 21])('of %d rows are the largest of JavaScript, in two blocks', (rows) => {
    const [features, k, capacity] = [50, 5, 12];
    const a = new Kernels(20_000);
    const z = a.integers(features * rows);
    const [bias, scales, rowScales, floor] = [a.floats(features), a.floats(features), a.floats(rows), a.floats(rows)];
    const [corrections, filled, keys] = [a.integers(rows), a.words(rows), a.keys(rows * capacity)];
    const random = new KeyedRandom('scores', rows);
    z.data.forEach((_, i) => (z.data[i] = random.nextInt(40_000) - 15_000));
    corrections.data.forEach((_, b) => (corrections.data[b] = random.nextInt(4000) - 2000));
    for (const own of [bias, scales, rowScales]) own.data.forEach((_, i) => (own.data[i] = 0.01 * random.nextFloat()));
    for (const [first, count] of [
      [0, 32],
      [32, 18],
    ] as const)
      a.run.scanTopScaled(
        ...[z.address + 4 * first * rows, count, rows, bias.address + 4 * first, 100 + first],
        ...[corrections.address, rowScales.address, scales.address + 4 * first],
        ...[floor.address, filled.address, keys.address, capacity, k],
      );
    a.run.finishTop(rows, filled.address, keys.address, capacity, k);
    for (let b = 0; b < rows; b++) {
      const want = Array.from({ length: features }, (_, f) => {
        const zi = (z.data[f * rows + b] as number) - (corrections.data[b] as number);
        const factor = round((rowScales.data[b] as number) * (scales.data[f] as number));
        return { feature: 100 + f, value: round(round(round(zi) * factor) + (bias.data[f] as number)) };
      })
        .filter(({ value }) => value > 0)
        .sort((x, y) => y.value - x.value || x.feature - y.feature)
        .slice(0, k);
      const got = [...keys.data.subarray(b * capacity, b * capacity + (filled.data[b] as number))].map(keyOf);
      expect(got.sort((x, y) => y.value - x.value)).toEqual(want);
    }
  });

  it('that are scored again have exact values, whatever was proposed; those at or below 0 go', () => {
    const [rows, features, stride, k, capacity] = [6, 40, 12, 4, 40];
    const a = new Kernels(20_000);
    const [inputs, weights, bias] = [a.floats(rows * stride), a.floats(features * stride), a.floats(features)];
    const [filled, keys] = [a.words(rows), a.keys(rows * capacity)];
    inputs.data.set(normal(rows * stride, 3));
    weights.data.set(normal(features * stride, 4));
    bias.data.set(normal(features, 5));
    const exact = (b: number, f: number): number => {
      let sum = bias.data[f] as number;
      for (let j = 0; j < stride; j++)
        sum += (inputs.data[b * stride + j] as number) * (weights.data[f * stride + j] as number);
      return sum;
    };
    const random = new KeyedRandom('proposed', 1);
    for (let b = 0; b < rows; b++) {
      // Every feature is proposed, with an error of up to 0.5, those below 0 as a little above it.
      for (let f = 0; f < features; f++) {
        const value = Math.max(0.01, exact(b, f) + random.nextFloat() - 0.5);
        const bits = new Uint32Array(Float32Array.of(value).buffer)[0] as number;
        keys.data[b * capacity + f] = (BigInt(bits) << 32n) | BigInt(~(7 + f) >>> 0);
      }
      filled.data[b] = features;
    }
    const scored = a.run.rescoreTop(
      ...[rows, filled.address, keys.address, capacity, k],
      ...[inputs.address, weights.address, bias.address, 7, stride],
    );
    expect(scored).toBeLessThan(rows * features);
    for (let b = 0; b < rows; b++) {
      const want = Array.from({ length: features }, (_, f) => ({ feature: 7 + f, value: exact(b, f) }))
        .filter(({ value }) => value > 0)
        .sort((x, y) => y.value - x.value)
        .slice(0, k);
      const got = [...keys.data.subarray(b * capacity, b * capacity + (filled.data[b] as number))].map(keyOf);
      got.sort((x, y) => y.value - x.value);
      expect(got.map(({ feature }) => feature)).toEqual(want.map(({ feature }) => feature));
      got.forEach(({ value }, i) => {
        expect(value).toBeCloseTo(want[i]?.value ?? NaN, 4);
      });
    }
  });
});
