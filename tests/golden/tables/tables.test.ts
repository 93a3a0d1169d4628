// Our reading of the sample files against what pyarrow and polars found in files of the same bytes (check_tables.py).
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { halfToFloat } from '../../../core/tensor/half.js';
import { packColumns, type ColumnData, type LeafValues } from '../../../storage/tables/column-data.js';
import { leafType } from '../../../storage/tables/arrow-columns.js';
import { LAYOUTS, type ColumnSpec, type Scalar, type TableName } from '../../../storage/tables/layouts.js';
import { readTable } from '../../../storage/tables/read.js';
import type { TableFile } from '../../../storage/tables/table-writer.js';
import { writeSamples } from './make-samples.js';
import { samples, type Sample } from './sample.js';

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
  const stored = type === 'u64' ? BigUint64Array.from(values, BigInt) : filled;
  return {
    type: TYPE_NAMES[type],
    nulls,
    digest: sha256(bytesOf(stored)),
    sum: numbers.reduce((sum, v) => sum + (Number.isNaN(v) ? 0 : v), 0),
  };
}

function describeColumn(spec: ColumnSpec, column: ColumnData, sample: Sample<TableName>): Record<string, LeafRecord> {
  const out: Record<string, LeafRecord> = {};
  if (column.offsets) {
    const { offsets } = column;
    const lengths = offsets.slice(1).map((end, i) => end - (offsets[i] ?? 0));
    out[`${spec.name}#lengths`] = { type: 'lengths', nulls: 0, digest: sha256(bytesOf(lengths)) };
  }
  const slots =
    spec.shape === 'width' ? `[${sample.options.width}]` : spec.shape === 'slots' ? `[${sample.options.k}]` : '';
  const empty = column.count ? (column.leaves[0]?.length ?? 0) - column.count.reduce((a, b) => a + b, 0) : 0;
  spec.leaves.forEach((leaf, i) => {
    const record = leafRecord(leafType(leaf, sample.options), column.leaves[i] as LeafValues, spec.nullable);
    out[`${spec.name}${slots}${leaf.name ? `.${leaf.name}` : ''}`] = {
      ...record,
      nulls: record.nulls + empty,
    };
  });
  return out;
}

describe('tables that pyarrow and polars read alike', () => {
  for (const sample of samples() as unknown as Sample<TableName>[]) {
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
      const read = await readTable(sample.table, join(FOLDER, `${sample.file}.arrow`));
      const columns = packColumns(sample.table, read.columns);
      const found = Object.assign(
        {},
        ...LAYOUTS[sample.table].columns.map((spec, c) => describeColumn(spec, columns[c] as ColumnData, sample)),
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
