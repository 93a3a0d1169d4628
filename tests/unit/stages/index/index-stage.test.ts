// The index equals a brute-force scan for any division of the data, and its bytes do not depend on the run.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfToFloat } from '../../../../core/tensor/half.js';
import { readTable } from '../../../../storage/tables/read.js';
import type { TableColumns } from '../../../../storage/tables/layouts.js';
import type { StageOutput } from '../../../../stages/stage.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { allFirings, bruteTop, buildDataset, type Dataset } from './dataset.js';
import type { Firing } from './draw.js';
import { runIndex } from './run-index.js';
import { anyShape, sampleShape } from './shapes.js';

const place = temporaryFolder('index');
const SHAPE = sampleShape({ shards: 5 });
const shapes = anyShape({
  ...{ shards: 6, documents: 6, mostTokens: 25 },
  ...{ features: 15, perToken: 4, k: 5, contextTokens: 8 },
});

interface Indexed {
  readonly postings: TableColumns['postings'];
  readonly features: TableColumns['features'];
  readonly top: TableColumns['top'];
}

async function readIndex(output: StageOutput): Promise<Indexed> {
  const path = (table: string): string => output.files.find((f) => f.table === table)?.path ?? '';
  return {
    postings: (await readTable('postings', path('postings'))).columns,
    features: (await readTable('features', path('features'))).columns,
    top: (await readTable('top', path('top'))).columns,
  };
}

function postingsOf(columns: TableColumns['postings']): Omit<Firing, 'token'>[] {
  return [...columns.feature].map((feature, i) => ({
    feature,
    doc: columns.doc[i] ?? -1,
    pos: columns.pos[i] ?? -1,
    value: halfToFloat(columns.value[i] ?? 0),
  }));
}

function topOf(
  { examples }: TableColumns['top'],
  row: number,
  k: number,
): { doc: number; pos: number; value: number }[] {
  return Array.from({ length: examples.count[row] ?? 0 }, (_, slot) => {
    const at = row * k + slot;
    return {
      doc: examples.doc[at] ?? -1,
      pos: examples.pos[at] ?? -1,
      value: halfToFloat(examples.value[at] ?? 0),
    };
  });
}

function nearestRank(values: readonly number[], q: number): number {
  return values[Math.ceil(q * values.length) - 1] ?? NaN;
}

/** A feature's row by the definitions of the contract, from its firings. */
function bruteRow(firings: readonly Firing[], storedRows: number): Record<string, unknown> {
  const values = firings.map((f) => f.value).sort((a, b) => a - b);
  const counts = new Map<number, number>();
  for (const { token } of firings) counts.set(token, (counts.get(token) ?? 0) + 1);
  const topTokens = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 10);
  return {
    n: firings.length,
    density: firings.length / storedRows,
    max: values.at(-1) ?? NaN,
    mean: Math.fround(values.reduce((a, b) => a + b, 0) / values.length),
    p50: nearestRank(values, 0.5),
    p90: nearestRank(values, 0.9),
    p99: nearestRank(values, 0.99),
    silent: firings.length === 0 ? 1 : 0,
    topTokens,
  };
}

function rowOf(features: TableColumns['features'], row: number): Record<string, unknown> {
  const { n, density, max, mean, p50, p90, p99, silent, topTokens } = features;
  const from = topTokens.offsets[row] ?? 0;
  const to = topTokens.offsets[row + 1] ?? 0;
  const tokens = [...topTokens.token.subarray(from, to)].map((token, i) => [token, topTokens.n[from + i]]);
  return {
    n: n[row],
    density: density[row],
    max: max[row],
    mean: mean[row],
    p50: p50[row],
    p90: p90[row],
    p99: p99[row],
    silent: silent[row],
    topTokens: tokens,
  };
}

async function expectIndex(dataset: Dataset, output: StageOutput, range: { from: number; to: number }): Promise<void> {
  const { postings, features, top } = await readIndex(output);
  const firings = allFirings(dataset).filter((f) => f.feature >= range.from && f.feature < range.to);
  expect(postingsOf(postings)).toEqual(firings.map(({ feature, doc, pos, value }) => ({ feature, doc, pos, value })));
  for (let feature = range.from; feature < range.to; feature++) {
    const row = feature - range.from;
    expect([features.feature[row], top.feature[row]]).toEqual([feature, feature]);
    expect(rowOf(features, row)).toEqual(
      bruteRow(
        firings.filter((f) => f.feature === feature),
        dataset.storedRows,
      ),
    );
    expect(topOf(top, row, dataset.shape.k)).toEqual(bruteTop(dataset, feature, dataset.shape.k));
  }
}

describe('index stage', () => {
  it('equals a brute-force scan over acts, whatever the shards, documents, features and contexts', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async (shape) => {
        const dataset = await buildDataset(place, shape);
        const [output] = (await runIndex(dataset)).values();
        await expectIndex(dataset, output as StageOutput, { from: 0, to: shape.features });
      }),
      { numRuns: 25, seed: 7 },
    );
  });

  it('gives the same rows when ranges are cut anywhere, single features included', async () => {
    const dataset = await buildDataset(place, SHAPE);
    const ranges = [
      { from: 0, to: 1 },
      { from: 1, to: 5 },
      { from: 5, to: 11 },
      { from: 11, to: 12 },
    ];
    const outputs = [...(await runIndex(dataset, ranges)).values()];
    for (const [i, range] of ranges.entries()) await expectIndex(dataset, outputs[i] as StageOutput, range);
  });

  it('writes the same bytes when it runs twice', async () => {
    const digests = async (): Promise<string[]> => {
      const outputs = await runIndex(await buildDataset(place, SHAPE));
      return [...outputs.values()].flatMap((output) => output.files.map((f) => f.sha256));
    };
    expect(await digests()).toEqual(await digests());
  });

  it('refuses postings outside the documents whose tokens it was given', async () => {
    const dataset = await buildDataset(place, SHAPE);
    const wrong = { ...dataset, tokens: dataset.tokens.slice(0, 1) };
    await expect(runIndex(wrong)).rejects.toThrow(/Expected a token at document \d+, position \d+, found none/);
  });
});
