// Seeded sample rows for every table, small enough to read by eye and large enough for several record batches.
import { floatToHalf } from '../../../core/tensor/half.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import type { TableOptions } from '../../../storage/tables/columns.js';
import type { TableColumns, TableName } from '../../../storage/tables/layouts.js';

export interface Sample<T extends TableName> {
  readonly table: T;
  readonly file: string;
  readonly options: TableOptions;
  readonly columns: TableColumns[T];
}
export type AnySample = { [T in TableName]: Sample<T> }[TableName];

const TEXTS = ['plain words', 'naïve café', '日本語のテキスト', 'e\u0301 combining', '👩‍👩‍👧 family', ''];

function numbers(rows: number, random: KeyedRandom, below: number): Uint32Array {
  return Uint32Array.from({ length: rows }, () => random.nextInt(below));
}
function halves(rows: number, random: KeyedRandom): Uint16Array {
  return Uint16Array.from({ length: rows }, () => floatToHalf(random.nextFloat() * 20));
}
function reals(rows: number, random: KeyedRandom): Float64Array {
  return Float64Array.from({ length: rows }, () => random.nextNormal());
}
function ascending(rows: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, i) => i);
}
function offsets(rows: number, random: KeyedRandom, most: number): Uint32Array {
  const ends = new Uint32Array(rows + 1);
  for (let i = 0; i < rows; i++) ends[i + 1] = (ends[i] as number) + random.nextInt(most + 1);
  return ends;
}
function texts(rows: number, random: KeyedRandom): string[] {
  return Array.from({ length: rows }, () => TEXTS[random.nextInt(TEXTS.length)] as string);
}
function meta(rows: number): string[] {
  return Array.from({ length: rows }, (_, i) => JSON.stringify({ line: i }));
}

function sampleTokens(rows: number): TableColumns['tokens'] {
  const random = new KeyedRandom('sample', 'tokens');
  const ends = offsets(rows, random, 12);
  const total = ends.at(-1) as number;
  return {
    doc: ascending(rows),
    offsets: ends,
    ids: numbers(total, random, 50257),
    starts: numbers(total, random, 1000),
    ends: numbers(total, random, 1000),
  };
}

function sampleActs(rows: number): TableColumns['acts'] {
  const random = new KeyedRandom('sample', 'acts');
  const ends = offsets(rows, random, 5);
  const total = ends.at(-1) as number;
  return {
    doc: Uint32Array.from({ length: rows }, (_, i) => Math.floor(i / 10)),
    pos: Uint32Array.from({ length: rows }, (_, i) => i % 10),
    features: {
      offsets: ends,
      feature: numbers(total, random, 4096),
      value: halves(total, random),
    },
    xSq: Float32Array.from(reals(rows, random), Math.abs),
    errSq: Float32Array.from(reals(rows, random), Math.abs),
  };
}

function sampleFeatures(rows: number): TableColumns['features'] {
  const random = new KeyedRandom('sample', 'features');
  const n = Float64Array.from({ length: rows }, (_, i) =>
    i % 7 === 0 ? 0 : i === 1 ? 2 ** 40 + 3 : random.nextInt(1000),
  );
  const ends = offsets(rows, random, 10);
  const total = ends.at(-1) as number;
  const statistic = (): Float32Array => Float32Array.from(n, (count) => (count === 0 ? NaN : random.nextFloat()));
  return {
    feature: ascending(rows),
    n,
    density: n.map((count) => count / 2 ** 41),
    max: statistic(),
    mean: statistic(),
    p50: statistic(),
    p90: statistic(),
    p99: statistic(),
    topTokens: {
      offsets: ends,
      token: numbers(total, random, 50257),
      n: Float64Array.from(numbers(total, random, 99)),
    },
    silent: Uint8Array.from(n, (count) => (count === 0 ? 1 : 0)),
  };
}

function sampleTop(rows: number, k: number): TableColumns['top'] {
  const random = new KeyedRandom('sample', 'top');
  const count = Uint32Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? random.nextInt(k) : k));
  const used = (_: number, slot: number): boolean => slot % k < (count[Math.floor(slot / k)] as number);
  const blank = <A extends Uint32Array | Uint16Array>(values: A): A =>
    values.map((v, slot) => (used(v, slot) ? v : 0)) as A;
  return {
    feature: ascending(rows),
    examples: {
      count,
      doc: blank(numbers(rows * k, random, 500)),
      pos: blank(numbers(rows * k, random, 127)),
      value: blank(halves(rows * k, random)),
    },
  };
}

function samplePostings(rows: number): TableColumns['postings'] {
  const random = new KeyedRandom('sample', 'postings');
  return {
    feature: Uint32Array.from({ length: rows }, (_, i) => Math.floor(i / 9)),
    doc: numbers(rows, random, 500),
    pos: numbers(rows, random, 127),
    value: halves(rows, random),
  };
}

/** Lists of a few members per row, some of them empty. */
function lengths(rows: number, most: number): Uint32Array {
  const offsets = new Uint32Array(rows + 1);
  for (let i = 0; i < rows; i++) offsets[i + 1] = (offsets[i] as number) + (i % (most + 1));
  return offsets;
}

function sampleBands(rows: number): TableColumns['bands'] {
  const random = new KeyedRandom('sample', 'bands');
  const [offsets, histogram] = [lengths(rows, 6), lengths(rows, 10)];
  const [all, counted] = [offsets.at(-1) ?? 0, histogram.at(-1) ?? 0];
  const list = { doc: numbers(all, random, 500), pos: numbers(all, random, 127) };
  return {
    feature: ascending(rows),
    histogram: { offsets: histogram, n: Float64Array.from(numbers(counted, random, 1000)) },
    examples: { offsets, band: numbers(all, random, 9), ...list, value: halves(all, random) },
    quiet: { offsets, ...list },
  };
}

function samplePromoted(rows: number): TableColumns['promoted'] {
  const random = new KeyedRandom('sample', 'promoted');
  const offsets = lengths(rows, 10);
  const all = offsets.at(-1) ?? 0;
  const side = (): TableColumns['promoted']['raised'] => ({
    ...{ offsets, token: numbers(all, random, 4096), value: Float32Array.from(reals(all, random)) },
  });
  const tokenShare = reals(rows, random).map((value, i) => (i % 7 === 0 ? NaN : value));
  return { feature: ascending(rows), raised: side(), lowered: side(), tokenShare };
}

function sampleNeighbours(rows: number): TableColumns['neighbours'] {
  const random = new KeyedRandom('sample', 'neighbours');
  const offsets = lengths(rows, 10);
  const all = offsets.at(-1) ?? 0;
  const list = { offsets, feature: numbers(all, random, rows), value: Float32Array.from(reals(all, random)) };
  const together = { ...list, n: Float64Array.from(numbers(all, random, 1000)) };
  return { feature: ascending(rows), cosine: list, together };
}

function sampleLabels(rows: number): TableColumns['labels'] {
  const random = new KeyedRandom('sample', 'labels');
  return {
    feature: ascending(rows),
    label: texts(rows, random),
    source: Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? 'user' : 'auto')),
    score: reals(rows, random).map((value, i) => (i % 5 === 0 ? NaN : value)),
    n: numbers(rows, random, 60),
  };
}

function sampleTraining(rows: number): TableColumns['training'] {
  const random = new KeyedRandom('sample', 'training');
  const split = Array.from({ length: rows }, (_, i) => (i % 10 === 9 ? 'calib' : 'fit'));
  const optional = reals(rows, random).map((value, i) => (split[i] === 'calib' ? NaN : value));
  return {
    split,
    step: Float64Array.from(ascending(rows)),
    tokens: Float64Array.from(ascending(rows), (i) => i * 2048),
    loss: reals(rows, random),
    fvu: reals(rows, random),
    l0: reals(rows, random),
    deadFraction: reals(rows, random),
    lr: optional,
    gradNorm: optional.slice(),
  };
}

function sampleEvaluation(rows: number): TableColumns['evaluation'] {
  const random = new KeyedRandom('sample', 'evaluation');
  const values = reals(rows, random);
  const without = values.map((value, i) => (i % 7 === 6 ? NaN : value));
  return {
    subject: texts(rows, random),
    metric: texts(rows, random),
    value: values,
    lo: without,
    hi: without.slice(),
    n: Float64Array.from(numbers(rows, random, 50_000)),
    split: Array.from({ length: rows }, () => 'test'),
    rows: new Float64Array(rows).fill(48_172),
    documents: new Float64Array(rows).fill(60),
  };
}

function sampleActivations(rows: number, width: number, dtype: 'float16' | 'float32'): TableColumns['activations'] {
  const random = new KeyedRandom('sample', 'activations', dtype);
  const act = dtype === 'float16' ? halves(rows * width, random) : Float32Array.from(reals(rows * width, random));
  return { doc: numbers(rows, random, 500), pos: numbers(rows, random, 127), act };
}

function sampleRouted(rows: number, width: number): TableColumns['routed'] {
  return {
    expert: Uint32Array.from({ length: rows }, (_, i) => Math.floor(i / 1500)),
    ...sampleActivations(rows, width, 'float16'),
  };
}

/** One sample per table and codec; row counts cross a batch border where that keeps the file small. */
export function samples(): AnySample[] {
  const random = new KeyedRandom('sample', 'documents');
  const rows = 40;
  return [
    {
      table: 'source',
      file: 'source',
      options: {},
      columns: { id: ascendingIds(rows), text: texts(rows, random), meta: meta(rows) },
    },
    {
      table: 'documents',
      file: 'documents',
      options: {},
      columns: {
        doc: ascending(rows),
        id: ascendingIds(rows),
        split: Array.from({ length: rows }, (_, i) => (i < 30 ? 'fit' : 'test')),
        text: texts(rows, random),
        tokens: numbers(rows, random, 300),
        meta: meta(rows),
      },
    },
    { table: 'tokens', file: 'tokens', options: {}, columns: sampleTokens(rows) },
    {
      table: 'activations',
      file: 'activations-f16',
      options: { width: 4, dtype: 'float16' },
      columns: sampleActivations(4100, 4, 'float16'),
    },
    {
      table: 'activations',
      file: 'activations-f32',
      options: { width: 4, dtype: 'float32' },
      columns: sampleActivations(60, 4, 'float32'),
    },
    { table: 'routed', file: 'routed', options: { width: 4, dtype: 'float16' }, columns: sampleRouted(4100, 4) },
    { table: 'acts', file: 'acts', options: {}, columns: sampleActs(4100) },
    { table: 'postings', file: 'postings', options: {}, columns: samplePostings(16500) },
    { table: 'features', file: 'features', options: {}, columns: sampleFeatures(50) },
    { table: 'top', file: 'top', options: { k: 4 }, columns: sampleTop(300, 4) },
    { table: 'bands', file: 'bands', options: {}, columns: sampleBands(60) },
    { table: 'promoted', file: 'promoted', options: {}, columns: samplePromoted(60) },
    { table: 'neighbours', file: 'neighbours', options: {}, columns: sampleNeighbours(60) },
    { table: 'labels', file: 'labels', options: {}, columns: sampleLabels(40) },
    { table: 'training', file: 'training', options: {}, columns: sampleTraining(30) },
    { table: 'evaluation', file: 'evaluation', options: {}, columns: sampleEvaluation(30) },
  ];
}

function ascendingIds(rows: number): string[] {
  return Array.from({ length: rows }, (_, i) => `doc-${i}`);
}
