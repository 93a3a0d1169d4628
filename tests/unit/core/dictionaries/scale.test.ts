// The input scale is the stated formula, and folding it into the weights changes neither active set nor reconstruction
// by one bit.
import { describe, expect, it } from 'vitest';
import { ENCODE_OUTPUTS, ENCODE_ROWS, buildEncodeGraph } from '../../../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { computeScale, foldToRaw, mergeMoments, type Weights } from '../../../../core/dictionaries/scale.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';

const sizes = { architecture: 'topk', width: 24, features: 96 } as const;
const batchRows = 64;

async function encodeWith(weights: Weights, x: Float32Array): Promise<Record<string, TensorValue>> {
  const model = buildEncodeGraph({ ...sizes, batchRows, k: 5 }).toModelBytes();
  const session = await Session.create(model, { provider: 'cpu', threads: 1, optimisation: 'all' });
  const dims: Record<string, number[]> = {
    W_enc: [96, 24],
    b_enc: [96],
    W_dec: [96, 24],
    b_dec: [24],
  };
  const feeds = Object.fromEntries(
    [...weights].map(([name, data]) => [name, { dtype: 'float32', dims: dims[name] ?? [], data }]),
  );
  const outputs = await session.run({
    ...feeds,
    [ENCODE_ROWS]: { dtype: 'float32', dims: [batchRows, 24], data: x },
  });
  await session.release();
  return outputs;
}

describe('the input scale', () => {
  it('is √d / √(mean ‖x‖²) rounded to a power of two, with the variance of scaled rows', () => {
    // rows (3, 4), (1, 0): mean ‖x‖² = 13, x̄ = (2, 2), variance 13 − 8 = 5; √2 / √13 = 0.39 → 2^-1 (log2 = −1.35)
    const scale = computeScale({ rows: 2, sumX: Float64Array.of(4, 4), sumSq: 26 });
    expect(scale).toEqual({ scale: 0.5, mean: Float64Array.of(1, 1), variance: 5 / 4 });
  });

  it('does not depend on how rows are divided into shards, beyond the order of additions', () => {
    const parts = [1, 2, 3].map((n) => ({ rows: n, sumX: Float64Array.of(n, -n), sumSq: n * n }));
    expect(mergeMoments(parts)).toEqual({ rows: 6, sumX: Float64Array.of(6, -6), sumSq: 14 });
  });

  it('refuses rows that are all equal, none at all, and shards of different widths', () => {
    expect(() => computeScale({ rows: 4, sumX: Float64Array.of(4, 8), sumSq: 20 })).toThrow(
      'Expected fit rows that differ',
    );
    expect(() => computeScale({ rows: 0, sumX: Float64Array.of(0), sumSq: 0 })).toThrow('found 0 rows');
    const mixed = [1, 2].map((width) => ({ rows: 1, sumX: new Float64Array(width), sumSq: 1 }));
    expect(() => mergeMoments(mixed)).toThrow('Expected moments of width 1, found 2');
  });
});

describe('the fold to raw units', () => {
  it.each([2 ** -7, 0.5, 4, 2 ** 11])(
    'by scale %d changes neither active set nor reconstruction, to the last bit',
    async (scale) => {
      const random = new KeyedRandom('fold');
      const raw = Float32Array.from({ length: batchRows * 24 }, () => (0.4 + random.nextNormal()) / scale);
      const trained = initialParameters(
        sizes,
        5,
        Float64Array.from({ length: 24 }, () => 0.4),
      );
      trained.set(
        'b_enc',
        Float32Array.from({ length: 96 }, () => 0.3 * random.nextNormal()),
      );
      const inTraining = await encodeWith(
        trained,
        raw.map((value) => value * scale),
      );
      const stored = await encodeWith(foldToRaw(trained, scale), raw);
      const { feature, value, xSq, errSq } = ENCODE_OUTPUTS;
      expect(stored[feature]?.data).toEqual(inTraining[feature]?.data);
      const unscaled = (name: string, by: number): Float32Array =>
        (stored[name]?.data as Float32Array).map((v) => v * by);
      expect(unscaled(value, scale)).toEqual(inTraining[value]?.data);
      expect(unscaled(errSq, scale * scale)).toEqual(inTraining[errSq]?.data);
      expect(unscaled(xSq, scale * scale)).toEqual(inTraining[xSq]?.data);
    },
  );

  it('is refused where a bias would leave the range of float32', () => {
    const weights = new Map([['b_enc', Float32Array.of(1, 1.1754943508222875e-38)]]);
    expect(() => foldToRaw(weights, 2 ** 30)).toThrow(
      'Expected b_enc[1] = 1.1754943508222875e-38 to be divisible by the input scale',
    );
  });
});
