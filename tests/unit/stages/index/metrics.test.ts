// Metrics of a dictionary are their definitions over the rows of each split, read from the counts of shards alone.
import { beforeAll, describe, expect, it } from 'vitest';
import type { DictionaryMetrics } from '../../../../stages/index/metrics.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { buildDataset, type Dataset } from './dataset.js';
import { runIndex } from './run-index.js';
import { sampleShape } from './shapes.js';

const place = temporaryFolder('metrics');
let dataset: Dataset;
beforeAll(async () => {
  dataset = await buildDataset(place, sampleShape({ seed: 3, shards: 6, documents: 8, mostTokens: 20, features: 10 }));
});

/** FVU, L0 and counts of one split straight from its rows; x is one-dimensional with Σx = rows, so x̄ = 1. */
function direct(split: string): {
  rows: number;
  fvu: number;
  l0: number;
  silent: number;
  dense: number;
} {
  const shards = dataset.shards.filter((s) => s.split === split);
  const rows = shards.reduce((n, s) => n + s.acts.doc.length, 0);
  const sum = (of: (s: Dataset['shards'][number]) => Float32Array): number =>
    shards.reduce((t, s) => t + of(s).reduce((a, b) => a + b, 0), 0);
  const firings = shards.flatMap((s) => s.firings);
  const counts = Array.from(
    { length: dataset.shape.features },
    (_, f) => firings.filter((x) => x.feature === f).length,
  );
  return {
    rows,
    fvu: sum((s) => s.acts.errSq) / (sum((s) => s.acts.xSq) - rows * 1),
    l0: firings.length / rows,
    silent: counts.filter((n) => n === 0).length,
    dense: counts.filter((n) => n > 0.1 * rows).length,
  };
}

async function measured(): Promise<DictionaryMetrics> {
  const outputs = await runIndex(dataset);
  return outputs.get('metrics')?.statistics['metrics'] as DictionaryMetrics;
}

describe('metrics of a dictionary', () => {
  it('equal the definitions on the rows of each split, with their counts', async () => {
    const metrics = await measured();
    for (const split of ['fit', 'calib', 'test'] as const) {
      const expected = direct(split);
      const found = metrics.splits[split];
      expect(found?.rows).toBe(expected.rows);
      expect(found?.fvu).toBeCloseTo(expected.fvu, 5);
      expect(found?.l0).toBeCloseTo(expected.l0, 12);
      expect({ silent: found?.silent, dense: found?.dense, features: found?.features }).toEqual({
        silent: expected.silent,
        dense: expected.dense,
        features: 10,
      });
      expect(found?.documents).toBe(16);
    }
    expect(metrics.rows).toBe(dataset.storedRows);
  });

  it('give intervals that hold the point and come out the same each time', async () => {
    const metrics = await measured();
    const { fvu, fvuInterval, l0, l0Interval } = metrics.splits.test ?? {};
    expect(fvuInterval?.[0]).toBeLessThan(fvu ?? NaN);
    expect(fvuInterval?.[1]).toBeGreaterThan(fvu ?? NaN);
    expect(l0Interval?.[0]).toBeLessThanOrEqual(l0 ?? NaN);
    expect(await measured()).toEqual(metrics);
  });

  it('are summed from the counts of the shards, in their order, and read nothing else of them', async () => {
    const fetched: string[] = [];
    await runIndex(dataset, 'metrics', fetched);
    const counts = dataset.encoded.map((c) => c.objects.find((o) => o.table === 'counts')?.sha256);
    expect(counts).toHaveLength(6);
    expect(fetched).toEqual(counts);
  });

  it('refuse a commit without a statistic or its counts, and counts of another size, and say which', async () => {
    const [first, ...rest] = dataset.encoded;
    if (!first) throw new Error('no commit');
    const run = (change: Partial<typeof first>, features = 10): Promise<unknown> =>
      runIndex(
        {
          ...dataset,
          encoded: [{ ...first, ...change }, ...rest],
          shape: { ...dataset.shape, features },
        },
        'metrics',
      );
    const again = 'run `assay resume --mode all` to encode it again.';
    await expect(run({ statistics: { ...first.statistics, xSq: '3' } })).rejects.toThrow(
      `Expected a number as statistic "xSq" of encode commit shard-000, got string; ${again}`,
    );
    await expect(run({ split: null })).rejects.toThrow(
      `Expected encode commit shard-000 to name its split, found none; ${again}`,
    );
    const objects = first.objects.filter((o) => o.table !== 'counts');
    await expect(run({ objects })).rejects.toThrow(
      `Expected an object "counts" in encode commit shard-000, found acts, postings; ${again}`,
    );
    await expect(run({}, 11)).rejects.toThrow(
      'Expected 11 numbers in tensor fired of the counts of encode commit shard-000, found 10;',
    );
    const statistics = { ...first.statistics, documents: 9 };
    await expect(run({ statistics })).rejects.toThrow(
      'Expected 36 numbers in tensor per_document of the counts of encode commit shard-000, found 32;',
    );
  });
});
