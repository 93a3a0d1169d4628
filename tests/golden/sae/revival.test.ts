// AuxK does what it is for: of a dictionary of which 30 % are killed before the first step, it brings back all but a few, and without it
// they stay dead. Killed: encoder rows a hundredth as long, so that their scores are never among the chosen ones but are above 0 at
// times. Where a score is above 0 on no row, relu leaves nothing to learn from, here as in the source: that is tested too.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import { startOf } from '../../../core/dictionaries/initialise.js';
import { completeSettings, type DictionarySettings } from '../../../core/dictionaries/settings.js';
import { oneSite } from '../../../core/dictionaries/sites.js';
import { trainedOf } from '../../../core/dictionaries/state.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { FastEngine } from '../../../stages/train/engines/fast-engine.js';

const [D, F, K, B, STEPS, CHUNK] = [32, 128, 4, 256, 600, 100];
const DIRECTIONS = 200;

/** Rows of four of 200 directions each, with a little noise. */
const rows = ((): Float32Array => {
  const [random, directions] = [new KeyedRandom('rows', 1), new KeyedRandom('directions')];
  const basis = Float32Array.from({ length: DIRECTIONS * D }, () => directions.nextNormal() / Math.sqrt(D));
  const x = Float32Array.from({ length: STEPS * B * D }, () => 0.05 * random.nextNormal());
  for (let i = 0; i < STEPS * B; i++)
    for (let n = 0; n < 4; n++) {
      const [at, by] = [random.nextInt(DIRECTIONS) * D, 3 + 3 * random.nextFloat()];
      for (let j = 0; j < D; j++) x[i * D + j] = (x[i * D + j] as number) + by * (basis[at + j] as number);
    }
  return x;
})();

const mean = new Float64Array(D);
rows.forEach((value, i) => (mean[i % D] = (mean[i % D] as number) + value / (STEPS * B)));
const variance =
  rows.reduce((sum, value) => sum + value * value, 0) / (STEPS * B) - mean.reduce((sum, m) => sum + m * m, 0);

/** Three of ten features. */
const isKilled = (feature: number): boolean => (feature * 7) % 10 < 3;

type Kill = (name: string, row: Float32Array) => void;
const shorten: Kill = (name, row) => {
  if (name === 'W_enc') row.forEach((value, j) => (row[j] = value / 100));
};
const bury: Kill = (name, row) => {
  if (name === 'b_enc') row.fill(-10);
};

/** Share of the features that are dead after the training. */
async function deadShare(
  architecture: 'topk' | 'batchtopk' | 'matryoshka',
  { auxK, kill }: { readonly auxK: number | null; readonly kill: Kill },
): Promise<number> {
  const sae: DictionarySettings = completeSettings(
    {
      ...{ architecture, features: F, k: K, tokens: STEPS * B, batchRows: B, seed: 1 },
      ...(architecture === 'matryoshka' && { prefixes: [16, 48, F] }),
      ...{ lr: 3e-3, warmupSteps: 0, decayFraction: 0.2, betas: null, epsilon: 1e-8, clipNorm: null },
      ...{ auxK, auxWeight: 1 / 32, deadAfterTokens: 30 * B, logEverySteps: CHUNK },
    },
    D,
  );
  const shape = { kind: ARCHITECTURES[architecture], sites: oneSite(D), features: F };
  const engine = await FastEngine.create({
    ...{ shape, sae, variance, scales: [1], means: [mean] },
    engine: { provider: 'cpu', threads: 1, optimisation: 'all', ort: 'any' },
  });
  const start = startOf({ sites: shape.sites, settings: sae, seed: sae.seed, means: [mean] });
  const parameters = new Map(trainedOf(shape).map((own) => [own.name, own]));
  await engine.loadParameters((name, from, count) => {
    const values = Float32Array.from(parameters.get(name)?.initial(start, { from, count }) ?? []);
    const width = values.length / count;
    for (let i = 0; i < count; i++) if (isKilled(from + i)) kill(name, values.subarray(i * width, (i + 1) * width));
    return values;
  });
  for (let from = 0; from < STEPS; from += CHUNK) {
    const told = await engine.train([rows.subarray(from * B * D, (from + CHUNK) * B * D)], { from, count: CHUNK });
    expect(told).toHaveLength(CHUNK);
  }
  const dead = await engine.countDead(STEPS);
  await engine.release();
  return dead / F;
}

describe.each(['topk', 'batchtopk', 'matryoshka'] as const)(
  '30 %% of the features of a %s dictionary, killed',
  (kind) => {
    it('come back with AuxK as it is by default: fewer than 5 % are dead at the end', async () => {
      expect(await deadShare(kind, { auxK: null, kill: shorten })).toBeLessThan(0.05);
    });

    it('stay dead without it: more than 20 % are', async () => {
      expect(await deadShare(kind, { auxK: 0, kill: shorten })).toBeGreaterThan(0.2);
    });

    it('do not come back where their scores are above 0 on no row', async () => {
      expect(await deadShare(kind, { auxK: null, kill: bury })).toBeGreaterThan(0.2);
    });
  },
);
