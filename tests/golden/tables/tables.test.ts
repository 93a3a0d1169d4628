// Our reading of the sample files against what pyarrow and polars found in files of the same bytes (check_tables.py).
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { halfToFloat } from '../../../core/tensor/half.js';
import { stride, type ColumnData } from '../../../storage/tables/column-data.js';
import { leafType, type ColumnSpec, type TableOptions } from '../../../storage/tables/columns.js';
import { packColumns } from '../../../storage/tables/pack.js';
import { readRows } from '../../../storage/tables/rows-reader.js';
import type { LeafValues, Scalar } from '../../../storage/tables/scalars.js';
import type { TableFile } from '../../../storage/tables/table-file.js';
import { sampleFiles, writeSamples } from './make-samples.js';

interface LeafRecord {
  readonly type: string;
  readonly nulls: number;
  readonly digest: string;
  readonly sum?: number;
}
interface FileRecord {
  readonly sha256: string;
  readonly rows: number;
  readonly batches: number;
  readonly schema: Record<string, string>;
  readonly leaves: Record<string, LeafRecord>;
}

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = join(ROOT, '.cache', 'golden-tables');
const TYPE_NAMES: Record<Scalar, string> = {
  u32: 'uint32',
  u64: 'uint64',
  i32: 'int32',
  i64: 'int64',
  f16: 'halffloat',
  f32: 'float',
  f64: 'double',
  bool: 'bool',
  utf8: 'string',
};

let written = new Map<string, TableFile>();
let recorded: Record<string, FileRecord> = {};
beforeAll(async () => {
  written = await writeSamples(FOLDER);
  recorded = (
    JSON.parse(await readFile(join(import.meta.dirname, 'expected.json'), 'utf8')) as {
      files: Record<string, FileRecord>;
    }
  ).files;
});

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const bytesOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

function leafRecord(type: Scalar, values: LeafValues, nullable: boolean): LeafRecord {
  if (!ArrayBuffer.isView(values)) return { type: TYPE_NAMES[type], nulls: 0, digest: sha256(values.join('\0')) };
  const numbers = type === 'f16' ? Float64Array.from(values, halfToFloat) : Float64Array.from(values);
  const nulls = nullable ? numbers.filter(Number.isNaN).length : 0;
  const filled = nulls > 0 ? values.map((v) => (Number.isNaN(v) ? 0 : v)) : values;
  const stored =
    type === 'u64' ? BigUint64Array.from(values, BigInt) : type === 'i64' ? BigInt64Array.from(values, BigInt) : filled;
  return {
    type: TYPE_NAMES[type],
    nulls,
    digest: sha256(bytesOf(stored)),
    sum: numbers.reduce((sum, v) => sum + (Number.isNaN(v) ? 0 : v), 0),
  };
}

function describeColumn(spec: ColumnSpec, column: ColumnData, options: TableOptions): Record<string, LeafRecord> {
  const out: Record<string, LeafRecord> = {};
  let path = spec.name;
  column.levels.forEach((offsets, depth) => {
    if (depth > 0) path = `${path}[]`;
    const lengths = offsets.slice(1).map((end, i) => end - (offsets[i] ?? 0));
    out[`${path}#lengths`] = { type: 'lengths', nulls: 0, digest: sha256(bytesOf(lengths)) };
  });
  if (spec.size !== null) path = `${path}[${stride(spec, options)}]`;
  const empty = column.count ? (column.leaves[0]?.length ?? 0) - column.count.reduce((a, b) => a + b, 0) : 0;
  spec.leaves.forEach((leaf, i) => {
    const record = leafRecord(leafType(leaf, options), column.leaves[i] as LeafValues, spec.nullable);
    out[`${path}${leaf.name ? `.${leaf.name}` : ''}`] = { ...record, nulls: record.nulls + empty };
  });
  return out;
}

describe('tables that pyarrow and polars read alike', () => {
  for (const sample of sampleFiles()) {
    it(`have the bytes that were checked: ${sample.file}`, () => {
      const file = written.get(sample.file);
      const record = recorded[sample.file];
      expect({ sha256: file?.sha256, rows: file?.rows, batches: file?.batches.length }).toEqual({
        sha256: record?.sha256,
        rows: record?.rows,
        batches: record?.batches,
      });
    });

    it(`hold the same values in our own reading: ${sample.file}`, async () => {
      const record = recorded[sample.file];
      const { layout } = sample;
      const read = await readRows(layout, join(FOLDER, `${sample.file}.arrow`));
      const columns = packColumns(layout, read.columns);
      const found = Object.assign(
        {},
        ...layout.columns.map((spec, c) => describeColumn(spec, columns[c] as ColumnData, sample.options)),
      ) as Record<string, LeafRecord>;
      expect(Object.keys(found).sort()).toEqual(Object.keys(record?.leaves ?? {}).sort());
      for (const [path, leaf] of Object.entries(record?.leaves ?? {})) {
        const ours = found[path];
        expect({ path, type: ours?.type, nulls: ours?.nulls, digest: ours?.digest }).toEqual({
          path,
          type: leaf.type,
          nulls: leaf.nulls,
          digest: leaf.digest,
        });
        if (leaf.sum !== undefined)
          expect(Math.abs((ours?.sum ?? NaN) - leaf.sum)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(leaf.sum)));
      }
    });
  }

  it('have the column types of the contract', () => {
    const list = (item: string): string => `list<item: ${item} not null> not null`;
    const u32 = 'uint32 not null';
    expect(recorded['documents']?.schema).toEqual({
      doc: u32,
      id: 'string not null',
      split: 'string not null',
      text: 'string not null',
      tokens: u32,
      meta: 'string not null',
    });
    expect(recorded['tokens']?.schema).toEqual({
      doc: u32,
      ids: list('uint32'),
      starts: list('uint32'),
      ends: list('uint32'),
    });
    expect(recorded['activations-f16']?.schema).toEqual({
      doc: u32,
      pos: u32,
      act: 'fixed_size_list<item: halffloat not null>[4] not null',
    });
    expect(recorded['acts']?.schema).toEqual({
      doc: u32,
      pos: u32,
      features: list('struct<feature: uint32 not null, value: halffloat not null>'),
      x_sq: 'float not null',
      err_sq: 'float not null',
    });
    expect(recorded['postings']?.schema).toEqual({
      feature: u32,
      doc: u32,
      pos: u32,
      value: 'halffloat not null',
    });
    expect(recorded['top']?.schema).toEqual({
      feature: u32,
      examples:
        'fixed_size_list<item: struct<doc: uint32 not null, pos: uint32 not null, value: halffloat not null>>[4] not null',
    });
    expect(recorded['features']?.schema).toEqual({
      feature: u32,
      n: 'uint64 not null',
      density: 'double not null',
      max: 'float',
      mean: 'float',
      p50: 'float',
      p90: 'float',
      p99: 'float',
      top_tokens: list('struct<token: uint32 not null, n: uint64 not null>'),
      silent: 'bool not null',
    });
    const item = (type: string): string => `<item: ${type} not null>`;
    expect(recorded['toy']?.schema).toMatchObject({
      i32: 'int32 not null',
      i64: 'int64 not null',
      f16: 'halffloat not null',
      maybe_f32: 'float',
      struct: 'struct<label: string not null, at_layer: int32 not null> not null',
      texts: list('string'),
      structs: list(
        'struct<token: int64 not null, label: string not null, probability: float not null, kept: bool not null>',
      ),
      lists: `list${item(`list${item('uint32')}`)} not null`,
      vector: `fixed_size_list${item('float')}[3] not null`,
      pairs: `fixed_size_list${item('struct<a: uint32 not null, b: double not null>')}[2] not null`,
    });
    expect(recorded['training']?.schema).toEqual({
      split: 'string not null',
      step: 'uint64 not null',
      tokens: 'uint64 not null',
      loss: 'double',
      fvu: 'double',
      l0: 'double',
      dead_fraction: 'double',
      lr: 'double',
      grad_norm: 'double',
    });
  });
});
