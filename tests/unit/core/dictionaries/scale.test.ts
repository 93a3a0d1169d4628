// The scale of a site, and the fold of trained weights to raw units for every kind: the active set and the reconstruction are the
// same to the last bit.
import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { ENCODE_OUTPUTS } from '../../../../core/dictionaries/encode-graph.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { computeScale, mergeMoments } from '../../../../core/dictionaries/scale.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { parametersOf } from '../../../../core/dictionaries/state.js';
import { foldToRaw, rawFactor, type Weights } from '../../../../core/dictionaries/units.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import type { TensorValue } from '../../../../runtime/session.js';
import { runEncoder } from './step-run.js';

const batchRows = 64;
const shapeOf = (kind: Architecture) => ({ kind, sites: oneSite(24), features: 96 });

const encodeWith = (kind: Architecture, weights: Weights, x: Float32Array): Promise<Record<string, TensorValue>> =>
  runEncoder({ ...shapeOf(kind), batchRows, settings: { k: 5 } }, weights, [x]);

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

const CASES = Object.entries(ARCHITECTURES).flatMap(([name, kind]) =>
  [2 ** -7, 0.5, 4, 2 ** 11].map((scale) => ({ name, kind, scale })),
);

describe('the fold to raw units', () => {
  it.each(CASES)(
    'of $name by scale $scale changes neither active set nor reconstruction, to the last bit',
    async ({ kind, scale }) => {
      const random = new KeyedRandom('fold');
      const raw = Float32Array.from({ length: batchRows * 24 }, () => (0.4 + random.nextNormal()) / scale);
      const shape = shapeOf(kind);
      const mean = Float64Array.from({ length: 24 }, () => 0.4);
      const trained = initialParameters({ ...shape, settings: kind.defaults?.(shape) ?? {} }, 5, [mean]);
      for (const [name, values] of trained)
        trained.set(
          name,
          values.map((v) => v + 0.1 * random.nextNormal()),
        );
      const inTraining = await encodeWith(
        kind,
        trained,
        raw.map((value) => value * scale),
      );
      const folded = foldToRaw(parametersOf(shape), trained, { reads: [scale], writes: [scale] });
      const stored = await encodeWith(kind, folded, raw);
      const { feature, value, xSq, errSq } = ENCODE_OUTPUTS;
      const fired = (inTraining[value]?.data as Float32Array).filter((v) => v > 0).length;
      expect(fired).toBeGreaterThan(batchRows);
      expect(stored[feature]?.data).toEqual(inTraining[feature]?.data);
      const unscaled = (name: string, by: number): Float32Array =>
        (stored[name]?.data as Float32Array).map((v) => v * by);
      expect(unscaled(value, scale)).toEqual(inTraining[value]?.data);
      expect(unscaled(errSq, scale * scale)).toEqual(inTraining[errSq]?.data);
      expect(unscaled(xSq, scale * scale)).toEqual(inTraining[xSq]?.data);
      // Every tensor moved: the fold is of matrices with the norms that training left them.
      expect([...folded.keys()]).toEqual([...trained.keys()]);
    },
  );

  it('multiplies by the units of a parameter: raw = trained · s(per) / s(of), features in units of the first site written', () => {
    const scales = { reads: [4, 2], writes: [8, 0.5] };
    // b_in of the second site read, W_enc of it, b_enc, W_dec to the second site written, a skip from the first to the first, a log.
    expect(rawFactor({ of: 'input', site: 1 }, scales)).toBe(1 / 2);
    expect(rawFactor({ of: 'feature', per: 'input' }, scales)).toBe(4 / 8);
    expect(rawFactor({ of: 'feature' }, scales)).toBe(1 / 8);
    expect(rawFactor({ of: 'output', site: 1 }, scales)).toBe(1 / 0.5);
    expect(rawFactor({ of: 'output', per: 'input' }, scales)).toBe(4 / 8);
    expect(rawFactor({ of: 'number' }, scales)).toBe(1);
  });

  it('is refused where a bias would leave the range of float32', () => {
    const weights = new Map([['b_enc', Float32Array.of(1, 1.1754943508222875e-38)]]);
    const parameters = [{ name: 'b_enc', unit: { of: 'feature' } }] as const;
    const scales = { reads: [2 ** 30], writes: [2 ** 30] };
    expect(() => foldToRaw(parameters, weights, scales)).toThrow(
      'Expected b_enc[1] = 1.1754943508222875e-38 to be divisible by the input scale',
    );
  });
});
