// The Arrow schema of a table from its row and options, for writing.
import type { DataType, Schema } from 'apache-arrow';
import { FORMAT_VERSION } from '../../schemas/stored.js';
import { arrow } from '../arrow/library.js';
import { stride } from './column-data.js';
import { isPlain, leafType, type ColumnSpec, type Leaf, type TableOptions } from './columns.js';
import type { Layout } from './layouts.js';
import type { Scalar } from './scalars.js';

const ITEM = 'item';

const ARROW_TYPES: { readonly [S in Scalar]: () => DataType } = {
  u32: () => new arrow.Uint32(),
  u64: () => new arrow.Uint64(),
  i32: () => new arrow.Int32(),
  i64: () => new arrow.Int64(),
  f16: () => new arrow.Float16(),
  f32: () => new arrow.Float32(),
  f64: () => new arrow.Float64(),
  bool: () => new arrow.Bool(),
  utf8: () => new arrow.Utf8(),
};

/** The Arrow type of a scalar. */
export function arrowType(scalar: Scalar): DataType {
  return ARROW_TYPES[scalar]();
}

/** The Arrow schema of a table; metadata entries are sorted by name so that bytes do not depend on their order. */
export function tableSchema(
  layout: Layout,
  options: TableOptions,
  metadata: Readonly<Record<string, string>> = {},
): Schema {
  const all: Record<string, string> = { ...metadata, table: layout.name, formatVersion: String(FORMAT_VERSION) };
  const names = Object.keys(all).sort();
  const fields = layout.columns.map((spec) => {
    const units = new Map(spec.unit === '' ? [] : [['unit', spec.unit]]);
    return new arrow.Field(spec.name, columnType(spec, options), spec.nullable, units);
  });
  return new arrow.Schema(fields, new Map(names.map((name) => [name, all[name] as string])));
}

function columnType(spec: ColumnSpec, options: TableOptions): DataType {
  const item = itemType(spec, options);
  switch (spec.shape) {
    case 'one':
      return item;
    case 'list':
      return listOf(item);
    case 'lists':
      return listOf(listOf(item));
    case 'fixed':
    case 'slots':
      return new arrow.FixedSizeList(stride(spec, options), new arrow.Field(ITEM, item, spec.shape === 'slots'));
  }
}

function itemType(spec: ColumnSpec, options: TableOptions): DataType {
  const scalar = (leaf: Leaf): DataType => arrowType(leafType(leaf, options));
  if (isPlain(spec)) return scalar(spec.leaves[0] as Leaf);
  return new arrow.Struct(spec.leaves.map((leaf) => new arrow.Field(leaf.name, scalar(leaf), false)));
}

function listOf(item: DataType): DataType {
  return new arrow.List(new arrow.Field(ITEM, item, false));
}
