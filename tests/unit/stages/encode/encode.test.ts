// The encode stage on a memory store against a brute-force encoder in float64.
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../../core/dictionaries/architectures.js';
import { initialParameters } from '../../../../core/dictionaries/initialise.js';
import { oneSite } from '../../../../core/dictionaries/sites.js';
import { floatToHalf, floatsToHalfs, halfsToFloats } from '../../../../core/tensor/half.js';
import { encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import type { EncodeConfig } from '../../../../stages/encode/config.js';
import { planEncodeItems } from '../../../../stages/encode/plan.js';
import { readCounts } from '../../../../stages/encode/counts-file.js';
import { runEncode } from '../../../../stages/encode/run.js';
import type { StageOutput } from '../../../../stages/stage.js';
import { writeChunks } from '../../../../storage/files/local-file.js';
import { readTable } from '../../../../storage/tables/read.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { WIDTH, encodeConfig, fileOf, makeRows, makeWorld, storeFile, type World } from '../train/harness.js';

const place = temporaryFolder('encode');
const FEATURES = 80;
const ROWS = 2300;
const K = 6;
const SHARD = { name: 'p-test-00000', split: 'test', rows: ROWS, seed: 11 } as const;

const parameters = initialParameters({ kind: ARCHITECTURES.topk, sites: oneSite(WIDTH), features: FEATURES }, 3, [
  new Float64Array(WIDTH).fill(0.3),
]);
parameters.set(
  'b_enc',
  Float32Array.from({ length: FEATURES }, (_, i) => (i % 5) * 0.1 - 2),
);

async function encode(
  world: World,
  change: Partial<EncodeConfig['aux']> = {},
  weights = parameters,
): Promise<StageOutput> {
  const shapes: Record<string, number[]> = {
    W_enc: [FEATURES, WIDTH],
    b_enc: [FEATURES],
    W_dec: [FEATURES, WIDTH],
    b_dec: [WIDTH],
  };
  const chunks = encodeSafetensors(
    new Map([...weights].map(([name, data]) => [name, safeTensor(data, shapes[name] ?? [])])),
  );
  const file = await writeChunks(path.join(world.folder, 'dictionary.safetensors'), chunks);
  const stored = await storeFile(world.store, 'all', {
    ...file,
    table: 'weights',
    extension: 'safetensors',
    rows: FEATURES,
    batches: [],
  });
  const { keyed, aux } = encodeConfig(stored, {
    name: 'a',
    architecture: 'topk',
    features: FEATURES,
    settings: { k: K },
  });
  const config: EncodeConfig = { keyed, aux: { ...aux, ...change } };
  const [item] = planEncodeItems(config, world.commits);
  if (!item) throw new Error('no item');
  const result = await runEncode(item, config, await world.context());
  return result.outputs[0] as StageOutput;
}

/** Features and values of one row in float64, by id. */
function bruteForce(row: Float32Array): {
  active: (readonly [number, number])[];
  xSq: number;
  errSq: number;
} {
  const at = (name: string, i: number): number => (parameters.get(name) as Float32Array)[i] as number;
  const z = Array.from({ length: FEATURES }, (_, i) =>
    row.reduce((sum, x, j) => sum + at('W_enc', i * WIDTH + j) * (x - at('b_dec', j)), at('b_enc', i)),
  );
  const active = z
    .map((value, i) => [i, value] as const)
    .filter(([, value]) => value > 0)
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, K)
    .sort((a, b) => a[0] - b[0]);
  const error = Array.from(
    row,
    (x, j) => x - active.reduce((sum, [i, f]) => sum + f * at('W_dec', i * WIDTH + j), at('b_dec', j)),
  );
  return {
    active,
    xSq: row.reduce((sum, x) => sum + x * x, 0),
    errSq: error.reduce((sum, e) => sum + e * e, 0),
  };
}

describe('encoding a shard', () => {
  let world: World;
  let output: StageOutput;
  beforeAll(async () => {
    world = await makeWorld(place, [SHARD]);
    output = await encode(world);
  });
  const file = (table: string): string => fileOf(output, table);

  it('gives features, values and squared norms of every token, in token order', async () => {
    const { columns } = await readTable('acts', file('acts'));
    const x = halfsToFloats(floatsToHalfs(makeRows(SHARD.seed, ROWS)));
    let rowsWithFewer = 0;
    for (let i = 0; i < ROWS; i++) {
      expect([columns.doc[i], columns.pos[i]]).toEqual([Math.floor(i / 50), i % 50]);
      const want = bruteForce(x.subarray(i * WIDTH, (i + 1) * WIDTH));
      const [from, to] = [columns.features.offsets[i], columns.features.offsets[i + 1]];
      expect([...columns.features.feature.subarray(from, to)]).toEqual(want.active.map(([id]) => id));
      columns.features.value
        .subarray(from, to)
        .forEach((half, j) => expect(Math.abs(half - floatToHalf(want.active[j]?.[1] ?? NaN))).toBeLessThanOrEqual(1));
      expect(Math.abs((columns.xSq[i] ?? NaN) - want.xSq)).toBeLessThan(1e-5 * want.xSq);
      expect(Math.abs((columns.errSq[i] ?? NaN) - want.errSq)).toBeLessThan(1e-5 * want.xSq);
      if (want.active.length < K) rowsWithFewer++;
    }
    expect(rowsWithFewer).toBeGreaterThan(10);
  });

  it('gives postings that are the same firings by feature, document and position', async () => {
    const { columns: acts } = await readTable('acts', file('acts'));
    const { columns } = await readTable('postings', file('postings'));
    const expected: (readonly number[])[] = [];
    for (let i = 0; i < ROWS; i++) {
      for (let j = acts.features.offsets[i] as number; j < (acts.features.offsets[i + 1] as number); j++) {
        expected.push([acts.features.feature[j] ?? 0, acts.doc[i] ?? 0, acts.pos[i] ?? 0, acts.features.value[j] ?? 0]);
      }
    }
    expected.sort(
      (a, b) =>
        (a[0] as number) - (b[0] as number) ||
        (a[1] as number) - (b[1] as number) ||
        (a[2] as number) - (b[2] as number),
    );
    expect(Array.from(columns.feature, (f, i) => [f, columns.doc[i], columns.pos[i], columns.value[i]])).toEqual(
      expected,
    );
  });

  it('sums in its statistics and its counts what its tables hold', async () => {
    const { columns } = await readTable('acts', file('acts'));
    const firings = columns.features.feature.length;
    const { statistics } = output;
    const documents = ROWS / 50;
    const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);
    const [xSq, errSq] = [sum(columns.xSq), sum(columns.errSq)];
    // Tables hold float32, sums are of what was rounded to it.
    const near = (value: number): unknown => expect.closeTo(value, 7 - Math.ceil(Math.log10(value)));
    expect(statistics).toEqual({ rows: ROWS, documents, firings, xSq: near(xSq), errSq: near(errSq) });
    const shape = { documents, width: WIDTH, features: FEATURES };
    const counts = await readCounts(file('counts'), SHARD.name, shape);
    const fired = new Uint32Array(FEATURES);
    for (const feature of columns.features.feature) fired[feature] = (fired[feature] ?? 0) + 1;
    expect(counts.fired).toEqual(fired);
    const x = halfsToFloats(floatsToHalfs(makeRows(SHARD.seed, ROWS)));
    const mean = counts.sumX.map((total) => total / ROWS);
    const spreadOf = (from: number, to: number): number =>
      x
        .subarray(from * WIDTH, to * WIDTH)
        .reduce((total, value, i) => total + (value - (mean[i % WIDTH] as number)) ** 2, 0);
    for (let d = 0; d < documents; d++) {
      const [from, to] = [d * 50, (d + 1) * 50];
      const { offsets } = columns.features;
      expect([...counts.perDocument.subarray(d * 4, d * 4 + 4)]).toEqual([
        50,
        near(spreadOf(from, to)),
        near(sum(columns.errSq.subarray(from, to))),
        (offsets[to] ?? 0) - (offsets[from] ?? 0),
      ]);
    }
    counts.sumX.forEach((value, j) => expect(value).toBeCloseTo(sum(x.filter((_, i) => i % WIDTH === j)), 6));
  });

  it('keeps statistics as small for a wide dictionary as for a narrow one: arrays are an object', () => {
    expect(JSON.stringify(output.statistics).length).toBeLessThan(200);
    expect(output.files.map((f) => [f.table, f.extension])).toEqual([
      ['acts', 'arrow'],
      ['postings', 'arrow'],
      ['counts', 'safetensors'],
    ]);
  });

  it('gives the same bytes again', async () => {
    const again = await encode(world);
    expect(again.files.map((f) => f.sha256)).toEqual(output.files.map((f) => f.sha256));
    expect(again.statistics).toEqual(output.statistics);
  });

  it('names site, document and position of a value that half precision cannot hold', async () => {
    const loud = new Map(parameters).set('b_enc', new Float32Array(FEATURES).fill(70_000));
    await expect(encode(world, {}, loud)).rejects.toThrow(
      /found 7\d{4}\S* for feature \d+\..* Site blocks\.0\.hook_resid_post, document \d+, position \d+\./,
    );
  });

  it('refuses a dictionary of another shape and activations of another width', async () => {
    await expect(encode(world, { features: FEATURES - 1 })).rejects.toThrow(
      'Expected dictionary tensor W_enc of shape [79, 16], found [80, 16]',
    );
    await expect(encode(world, { sites: { names: ['a'], ...oneSite(8) } })).rejects.toThrow(
      'Expected activations of width 8 at site a, found 16',
    );
  });
});
