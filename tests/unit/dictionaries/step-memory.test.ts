// Memory of a step by its settings: what is counted is what is allocated; default slices; the largest that fits.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { completeSettings } from '../../../core/dictionaries/settings.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { planSlices } from '../../../core/dictionaries/slices.js';
import { makeExchange } from '../../../dictionaries/slice/exchange.js';
import { bytesOfSlice } from '../../../dictionaries/slice/arrays.js';
import { bytesOfStep, largestThatFits, slicesToTrain } from '../../../dictionaries/step-memory.js';
import { commonSettings, type DictionaryStepSettings, trainingSettings } from '../../../dictionaries/step-settings.js';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../../../schemas/dictionaries.js';

const ENGINE = { threads: 2, optimisation: 'all' } as const;

function stepOf(
  architecture: ArchitectureName,
  of: {
    readonly features: number;
    readonly width: number;
    readonly slices?: number;
    readonly batchRows?: number;
    readonly moments?: 'row';
    readonly candidates?: 'int8';
  },
): DictionaryStepSettings {
  const { features, width, slices = 1, batchRows = 128, moments, candidates } = of;
  const kind = ARCHITECTURES[architecture];
  const own = kind.selects ? { k: 4 } : { sparsity: 0.01 };
  const sae = completeSettings(
    {
      ...{ architecture, features, tokens: 100_000, batchRows, slices, ...own, ...(moments && { moments }) },
      ...(candidates && { candidates }),
      ...{ lr: null, warmupSteps: null, decayFraction: 0.2, betas: null, epsilon: 1e-8, clipNorm: 1 },
      ...{ auxK: null, auxWeight: 1 / 32, deadAfterTokens: null, logEverySteps: 10, seed: 0 },
    },
    width,
  );
  return trainingSettings({ shape: { sites: oneSite(width), features, kind }, sae, engine: ENGINE, variance: 1 });
}

describe('bytes of a step', () => {
  const kinds = ARCHITECTURE_NAMES.flatMap((name) => [1, 2].map((slices) => [name, slices, 'exact'] as const));
  it.each([...kinds, ['topk', 2, 'int8'] as const])(
    'are what a step of %s in %d slices allocates, with candidates that are %s',
    (name, slices, found) => {
      const candidates = found === 'int8' ? { candidates: found } : {};
      const step = stepOf(name, { features: 96, width: 20, slices, ...candidates });
      const plan = planSlices(step.shape, slices);
      const common = commonSettings(step);
      const shared = { inputs: new Float32Array(0), readWidth: plan.reads.stride };
      const allocated = plan.slices.map((slice) => {
        const { inputs: _, ...exchange } = makeExchange({ ...common, slice }, shared, false);
        const arrays = Object.values(exchange).filter((value) => ArrayBuffer.isView(value));
        return (
          bytesOfSlice({ ...common, slice }) +
          arrays.reduce((sum, { byteLength }) => sum + byteLength, 0) +
          8 * slice.features
        );
      });
      const inputs = 4 * 128 * plan.reads.stride;
      expect(bytesOfStep(step)).toBe(allocated.reduce((a, b) => a + b, inputs));
    },
  );
});

describe('candidates in 8 bits', () => {
  it('cost at least a byte a weight of the encoder, and its inputs twice', () => {
    const sizes = { features: 4096, width: 64 };
    const more = bytesOfStep(stepOf('topk', { ...sizes, candidates: 'int8' })) - bytesOfStep(stepOf('topk', sizes));
    // Bytes and a scale a row of weights; bytes of 128 inputs in both layouts; more room for candidates: 2 (4 + 32) keys instead of 36.
    const least = 4096 * (64 + 4) + 2 * 128 * 64 + 128 * 8 * (72 - 36);
    expect(more).toBeGreaterThanOrEqual(least);
    expect(more).toBeLessThan(1.1 * least);
  });
});

describe('slices by default', () => {
  it.each([
    { features: 4096, width: 768, slices: 1 },
    { features: 8192, width: 768, slices: 2 },
    { features: 8193, width: 768, slices: 1 },
    { features: 131_072, width: 768, slices: 2 },
    { features: 1_048_576, width: 768, slices: 8 },
    { features: 1_048_576, width: 768, moments: 'row', slices: 4 },
    { features: 1_048_576, width: 128, slices: 2 },
  ] as const)('of $features features of width $width, moments $moments: $slices', ({ slices, ...sizes }) => {
    expect(slicesToTrain(stepOf('topk', { ...sizes, batchRows: 1024 }))).toBe(slices);
  });
});

describe('the largest that fits', () => {
  it.each([2 ** 26, 2 ** 28, 2 ** 30])('of %d bytes is the last that takes no more', (bytes) => {
    const of = (features: number): DictionaryStepSettings => stepOf('topk', { features, width: 256, slices: 2 });
    const most = largestThatFits(bytes, of);
    expect(most).toBeGreaterThan(0);
    expect(bytesOfStep(of(most))).toBeLessThanOrEqual(bytes);
    expect(bytesOfStep(of(most + 128))).toBeGreaterThan(bytes);
  });

  it('is none where not even the rows fit', () => {
    expect(largestThatFits(1000, (features) => stepOf('topk', { features, width: 256 }))).toBe(0);
  });
});
