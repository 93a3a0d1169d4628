// The Arrow schema of a table from its row and options, and the options back from a stored schema.
import { DataType, Field, FixedSizeList, List, Precision, Schema, Struct } from 'apache-arrow';
import { FORMAT_VERSION } from '../../schemas/stored.js';
import { stride } from './column-data.js';
import { isPlain, leafType, type ColumnSpec, type Leaf, type TableOptions } from './columns.js';
import type { Layout } from './layouts.js';
import { SCALARS } from './scalars.js';

const ITEM = 'item';

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
    return new Field(spec.name, columnType(spec, options), spec.nullable, units);
  });
  return new Schema(fields, new Map(names.map((name) => [name, all[name] as string])));
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
      return new FixedSizeList(stride(spec, options), new Field(ITEM, item, spec.shape === 'slots'));
  }
}

function itemType(spec: ColumnSpec, options: TableOptions): DataType {
  const scalar = (leaf: Leaf): DataType => SCALARS[leafType(leaf, options)].arrow();
  if (isPlain(spec)) return scalar(spec.leaves[0] as Leaf);
  return new Struct(spec.leaves.map((leaf) => new Field(leaf.name, scalar(leaf), false)));
}

function listOf(item: DataType): DataType {
  return new List(new Field(ITEM, item, false));
}

/** Whether files of a table may differ in width, dtype or slots. */
export function hasOptions(layout: Layout): boolean {
  return layout.columns.some((spec) => spec.size !== null);
}

/** The options with which a file was written, from its schema. */
export function optionsOf(layout: Layout, schema: Schema): TableOptions {
  const options: { width?: number; k?: number; dtype?: 'float16' | 'float32' } = {};
  for (const spec of layout.columns) {
    const type: unknown = schema.fields.find((field) => field.name === spec.name)?.type;
    if (spec.size === null || !DataType.isFixedSizeList(type)) continue;
    options[spec.size] = type.listSize;
    const item = type.valueType as DataType;
    if (spec.item !== 'dtype') continue;
    options.dtype = DataType.isFloat(item) && item.precision === Precision.SINGLE ? 'float32' : 'float16';
  }
  return options;
}
