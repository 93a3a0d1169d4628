// The profile and label stages over a real run of the small model: every table equals what its definition gives by brute force over
// the run's own rows, its model's weights and its dictionary; a changed limit of one table computes no other anew.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { feistelPermutation } from '../../../../core/tensor/feistel.js';
import { halfToFloat } from '../../../../core/tensor/half.js';
import { keyedHash } from '../../../../core/tensor/keyed-hash.js';
import { asFloat32, decodeSafetensors } from '../../../../core/tensor/safetensors.js';
import { objectsOf } from '../../../../reading/dictionary/snapshots.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { latestSnapshot } from '../../../../storage/records/snapshots.js';
import type { TableColumns, TableName } from '../../../../storage/tables/layouts.js';
import { readTable } from '../../../../storage/tables/read.js';
import { TINY_LM } from '../../../harness/fixtures.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';
import { runStages, submitRun, writeRun } from '../../cli/pipeline.js';

const place = temporaryFolder('profile');
const store = createMemoryStore();
const FEATURES = 64;
const CONTEXT = 31; // 32 with the prepended token

async function bytesOf(dataset: string, table: string): Promise<Uint8Array[]> {
  const snapshot = await latestSnapshot(store, dataset);
  const objects = snapshot ? (await objectsOf(store, snapshot)).filter((object) => object.table === table) : [];
  return Promise.all(objects.map(async ({ key }) => (await store.get(key)) ?? new Uint8Array(0)));
}

async function tables<T extends TableName>(table: T, dataset = `small/dict/${table}`): Promise<TableColumns[T][]> {
  const files = await bytesOf(dataset, table);
  return Promise.all(files.map(async (file) => (await readTable(table, file)).columns));
}

interface Row {
  readonly doc: number;
  readonly pos: number;
  readonly token: number;
  readonly isTest: boolean;
  readonly values: ReadonlyMap<number, number>;
}

/** Every stored row with its firings, in (doc, pos) order. */
let rows: Row[];
let begun: [string, number, number][];
const folder = join(place, 'run');

async function readRows(): Promise<Row[]> {
  const tokens = (await tables('tokens', 'small/tokens')).flatMap(({ doc, offsets, ids }) =>
    [...doc].map((d, i) => [d, ids.subarray(offsets[i], offsets[i + 1])] as const),
  );
  const split = (await tables('documents', 'small/documents')).flatMap((own) =>
    [...own.doc].map((doc, i) => [doc, own.split[i]] as const),
  );
  const [idsOf, splitOf] = [new Map(tokens), new Map(split)];
  const found = (await tables('acts')).flatMap(({ doc, pos, features }) =>
    [...doc].map((d, i): Row => {
      const values = new Map<number, number>();
      for (let at = features.offsets[i] ?? 0; at < (features.offsets[i + 1] ?? 0); at++)
        values.set(features.feature[at] ?? -1, halfToFloat(features.value[at] ?? 0));
      const p = pos[i] ?? 0;
      return { doc: d, pos: p, token: idsOf.get(d)?.[p] ?? -1, isTest: splitOf.get(d) === 'test', values };
    }),
  );
  return found.sort((a, b) => a.doc - b.doc || a.pos - b.pos);
}

const contextOf = ({ doc, pos }: Row): string => `${doc}/${Math.floor(pos / CONTEXT)}`;

beforeAll(async () => {
  begun = [];
  const run = await submitRun(store, await writeRun(folder));
  await runStages(store, run, { folder, until: 'label', begun: (...step) => begun.push(step) });
  rows = await readRows();
}, 120_000);

/** The first of each context. */
function oneOfContext(list: readonly Row[]): Row[] {
  const seen = new Set<string>();
  return list.filter((row) => !seen.has(contextOf(row)) && seen.add(contextOf(row)));
}

describe('bands', () => {
  it('has four examples of each band and twenty rows without the feature, drawn as defined over all rows', async () => {
    const [bands] = await tables('bands');
    if (!bands) throw new TypeError('no table');
    expect([...bands.feature]).toEqual([...Array(FEATURES).keys()]);
    for (let f = 0; f < FEATURES; f++) {
      const values = rows.map((row) => row.values.get(f) ?? 0);
      const max = Math.max(...values);
      const hash = ({ doc, pos }: Row): number => keyedHash('bands', [f, doc, pos]);
      const expected = Array.from({ length: 10 }, (_, band) => {
        const within = rows.filter(
          (_, r) => Math.ceil((10 * (values[r] ?? 0)) / max) - 1 === band && (values[r] ?? 0) > 0,
        );
        return oneOfContext(within.sort((a, b) => hash(a) - hash(b)))
          .slice(0, 4)
          .map((row) => [band, row.doc, row.pos, row.values.get(f)]);
      }).flat();
      const { offsets, band, doc, pos, value } = bands.examples;
      const found = [...Array((offsets[f + 1] ?? 0) - (offsets[f] ?? 0)).keys()].map((i) => {
        const at = (offsets[f] ?? 0) + i;
        return [band[at], doc[at], pos[at], halfToFloat(value[at] ?? 0)];
      });
      expect(found).toEqual(expected);
      const permute = feistelPermutation(rows.length, 'quiet', f);
      const order = [...rows.keys()].map((k) => rows[permute(k)] as Row).filter((row) => !row.values.has(f));
      const quiet = [bands.quiet.offsets[f] ?? 0, bands.quiet.offsets[f + 1] ?? 0] as const;
      expect([...bands.quiet.doc.subarray(...quiet)].map((d, i) => [d, bands.quiet.pos[quiet[0] + i]])).toEqual(
        oneOfContext(order)
          .slice(0, 20)
          .map((row) => [row.doc, row.pos]),
      );
    }
    const fired = rows.reduce((sum, row) => sum + row.values.size, 0);
    expect(bands.histogram.n.reduce((a, b) => a + b, 0)).toBe(fired);
  });
});

describe('promoted', () => {
  it('has the tokens that W_dec W_U raises and lowers most, the final norm folded, in float64 from the weights', async () => {
    const [promoted] = await tables('promoted');
    const weights = decodeSafetensors((await bytesOf('small/dict/weights', 'weights'))[0] as Uint8Array);
    const model = decodeSafetensors(await readFile(join(TINY_LM, 'model.safetensors')));
    const tensor = (from: typeof model, name: string): Float32Array => {
      const found = from.get(name);
      if (!found) throw new TypeError(`no ${name}`);
      return asFloat32(found);
    };
    const [W_dec, gain] = [tensor(weights, 'W_dec'), tensor(model, 'transformer.ln_f.weight')];
    const embedding = tensor(model, 'transformer.wte.weight');
    if (!promoted) throw new TypeError('no table');
    for (let f = 0; f < FEATURES; f++) {
      const row = [...W_dec.subarray(f * 128, (f + 1) * 128)];
      const mean = row.reduce((a, b) => a + b, 0) / 128;
      const folded = row.map((value, i) => (value - mean) * (gain[i] ?? 0));
      const logits = Array.from({ length: 4096 }, (_, t) =>
        folded.reduce((sum, value, i) => sum + value * (embedding[t * 128 + i] ?? 0), 0),
      );
      const of = (token: number): number => logits[token] ?? NaN;
      const falling = Float64Array.from(logits).sort().reverse();
      const strongest = [...falling.subarray(0, 10)];
      const weakest = [...falling.subarray(-10)].reverse();
      for (const [side, expected] of [
        [promoted.raised, strongest],
        [promoted.lowered, weakest],
      ] as const) {
        // Logits of two tokens may lie nearer than float32 tells apart: the values are compared place by place, and each is its token's.
        const tokens = [...side.token.subarray(f * 10, f * 10 + 10)];
        expect(new Set(tokens).size).toBe(10);
        expected.forEach((value, i) => {
          expect(side.value[f * 10 + i]).toBeCloseTo(value, 5);
          expect(of(tokens[i] as number)).toBeCloseTo(value, 5);
        });
      }
    }
  });

  it('has the share of activation mass on test rows that the token explains', async () => {
    const [promoted] = await tables('promoted');
    const test = rows.filter(({ isTest }) => isTest);
    expect(test.length).toBeGreaterThan(100);
    for (let f = 0; f < FEATURES; f++) {
      const value = (row: Row): number => row.values.get(f) ?? 0;
      let [mass, explained] = [0, 0];
      for (const row of test) {
        const others = test.filter((other) => other !== row && other.token === row.token);
        const mean = others.reduce((sum, other) => sum + value(other), 0) / Math.max(1, others.length);
        mass += value(row);
        explained += Math.min(value(row), mean);
      }
      const found = promoted?.tokenShare[f] ?? 0;
      if (mass === 0) expect(found).toBeNaN();
      else expect(found).toBeCloseTo(explained / mass, 10);
    }
  });
});

describe('neighbours', () => {
  it('has the nearest decoder rows and the features that fire on the same rows', async () => {
    const [neighbours] = await tables('neighbours');
    const weights = decodeSafetensors((await bytesOf('small/dict/weights', 'weights'))[0] as Uint8Array);
    const found = weights.get('W_dec');
    if (!neighbours || !found) throw new TypeError('no table');
    const W_dec = asFloat32(found);
    const rowOf = (f: number): number[] => [...W_dec.subarray(f * 128, (f + 1) * 128)];
    const dot = (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
    for (let f = 0; f < FEATURES; f++) {
      const cosine = (other: number): number => {
        const [a, b] = [rowOf(f), rowOf(other)];
        return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
      };
      const others = [...Array(FEATURES).keys()].filter((other) => other !== f);
      const order = others.map((other) => [other, cosine(other)] as const).sort((a, b) => b[1] - a[1]);
      const { offsets, feature, value } = neighbours.cosine;
      const from = offsets[f] ?? 0;
      expect([...feature.subarray(from, from + 10)]).toEqual(order.slice(0, 10).map(([other]) => other));
      order.slice(0, 10).forEach(([, expected], i) => expect(value[from + i]).toBeCloseTo(expected, 6));
      const both = (other: number): number => rows.filter(({ values }) => values.has(f) && values.has(other)).length;
      const { together } = neighbours;
      for (let at = together.offsets[f] ?? 0; at < (together.offsets[f + 1] ?? 0); at++)
        expect(together.n[at]).toBe(both(together.feature[at] ?? -1));
    }
  });
});

describe('labels', () => {
  it('has one for each feature, in the order of features, scored on examples that were drawn and held out', async () => {
    const [labels] = await tables('labels');
    expect([...(labels?.feature ?? [])]).toEqual([...Array(FEATURES).keys()]);
    expect(new Set(labels?.source)).toEqual(new Set(['auto']));
    const scored = [...(labels?.score ?? [])].filter((score) => !Number.isNaN(score));
    expect(scored.length).toBeGreaterThan(FEATURES / 2);
    expect(scored.every((score) => score >= 0 && score <= 1)).toBe(true);
    // Above chance on the whole: the rules say something of rows that they have not seen.
    expect(scored.reduce((a, b) => a + b, 0) / scored.length).toBeGreaterThan(0.53);
  });
});

it('a changed setting of one table computes neither the index nor the other tables anew', async () => {
  expect(begun.map(([step]) => step)).toContain('profile@dict');
  const again: [string, number, number][] = [];
  const file = await writeRun(folder, (yaml) => yaml.replace('topExamples: 8', 'topExamples: 8, neighboursUpTo: 32'));
  const run = await submitRun(store, file, 2);
  await runStages(store, run, { folder, until: 'label', begun: (...step) => again.push(step) });
  expect(again.filter(([, todo]) => todo > 0)).toEqual([['profile@dict', 1, 3]]);
  const [neighbours] = await tables('neighbours');
  expect(neighbours?.feature.length).toBe(FEATURES);
  expect(neighbours?.cosine.feature.length).toBe(0);
  const [file2] = await bytesOf('small/dict/neighbours', 'neighbours');
  const { metadata } = await readTable('neighbours', file2 as Uint8Array);
  expect(metadata.get('leftOut')).toBe('neighbours: 64 features are more than 32 (index.neighboursUpTo)');
});
