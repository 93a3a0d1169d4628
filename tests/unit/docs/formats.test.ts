// docs/formats.md forgets no table, column or record: it is compared with the tables' rows and the schemas, and every example
// that it shows must be a valid record.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as records from '../../../schemas/records.js';
import { digestOf } from '../../../core/identity/digest.js';
import { stepsOfRun } from '../../../pipeline/plan/steps.js';
import { initialPlan } from '../../../pipeline/plan/plan-record.js';
import { planRecord } from '../../../storage/records/plan-record.js';
import { parseResolvedRun } from '../../../schemas/resolved-run.js';
import { partsRecord } from '../../../storage/records/data-stream.js';
import { labelsRecord } from '../../../storage/records/labels.js';
import { refRecord } from '../../../storage/records/refs.js';
import type { ColumnSpec, Leaf } from '../../../storage/tables/columns.js';
import { LAYOUTS, TABLE_NAMES, type Layout } from '../../../storage/tables/layouts.js';

const page = await readFile(new URL('../../../docs/formats.md', import.meta.url), 'utf8');

/** The text below a heading, to the next heading of any level. */
function section(heading: string): string {
  const [, below] = page.split(`\n### ${heading}\n`);
  expect(below, `docs/formats.md has no section "### ${heading}"`).toBeDefined();
  return (below ?? '').split(/\n#{2,3} /)[0] ?? '';
}

/** The first JSON block of a section. */
function example(heading: string): unknown {
  const json = /```json\n([\s\S]*?)\n```/.exec(section(heading))?.[1];
  expect(json, `the section "${heading}" shows no example`).toBeDefined();
  return JSON.parse(json ?? 'null');
}

/** Rows of the first table below a text, cells trimmed and without back-ticks. */
function rowsOf(text: string): string[][] {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(first);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(2, end < 0 ? undefined : end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** A column's type as the page writes it. */
function typeText(spec: ColumnSpec): string {
  const size = { width: 'd', k: 'K' }[spec.size ?? 'k'];
  const item = itemText(spec.leaves);
  switch (spec.shape) {
    case 'one':
      return spec.nullable ? `${item}, nullable` : item;
    case 'list':
      return `List<${item}>`;
    case 'lists':
      return `List<List<${item}>>`;
    case 'fixed':
      return `FixedSizeList<${item}>[${size}]`;
    case 'slots':
      return `FixedSizeList<${item}>[${size}], slots nullable`;
  }
}

function itemText(leaves: readonly Leaf[]): string {
  if (leaves[0]?.name !== '') return `Struct<${leaves.map((leaf) => `${leaf.name} ${leaf.type}`).join(', ')}>`;
  return leaves[0].type === 'dtype' ? 'f16 or f32' : leaves[0].type;
}

/** The line on order. */
function orderText({ sort, permuted }: Layout): string {
  if (permuted) return `Permuted within the file; batches state the range of ${String(sort)}.`;
  return `Sorted by ${sort ?? 'nothing'}.`;
}

/** The line on batches, compression and metadata. */
function batchText({ batchRows, batchBytes, compressed, metadata }: Layout): string {
  const bytes = batchBytes < 2 ** 20 ? `${batchBytes / 1024} KiB` : `${batchBytes / 2 ** 20} MiB`;
  return `Batches of at most ${batchRows} rows and ${bytes}. ${compressed ? 'zstd' : 'Uncompressed'}. Metadata: ${metadata.join(', ')}.`;
}

describe('tables in docs/formats.md', () => {
  it.each(TABLE_NAMES)('%s: columns, their types and order are those of its row', (table) => {
    const documented = rowsOf(section(table)).map(([name, type]) => [name, type]);
    expect(documented).toEqual(LAYOUTS[table].columns.map((spec) => [spec.name, typeText(spec)]));
  });

  it.each(TABLE_NAMES)('%s: order, batches, compression and metadata are those of its row', (table) => {
    const text = section(table).replaceAll(/\s+/g, ' ');
    expect(text.startsWith(` ${orderText(LAYOUTS[table])} ${batchText(LAYOUTS[table])}`), text).toBe(true);
  });

  it('names no table that does not exist', () => {
    const tables = (page.split('\n## Tables\n')[1] ?? '').split('\n## ')[0] ?? '';
    const headings = [...tables.matchAll(/\n### (\S+)/g)].map((match) => match[1]);
    expect([...headings].sort()).toEqual([...TABLE_NAMES].sort());
  });
});

const schemas = Object.entries(records).flatMap(([name, value]) =>
  name.endsWith('Record') && value instanceof z.ZodType ? [[name, value] as const] : [],
);

function headingOf(name: string): string {
  return new RegExp(`\\n### (.*\\(\`${name}\`\\))\\n`).exec(page)?.[1] ?? name;
}

describe('records in docs/formats.md', () => {
  it('finds the schemas of the records', () => {
    expect(schemas.map(([name]) => name)).toContain('commitRecord');
  });

  it.each(schemas)('%s: has a section whose example is a valid record', (name, schema) => {
    expect(() => schema.parse(example(headingOf(name)))).not.toThrow();
  });

  it('shows valid examples of the records whose schemas stand elsewhere', () => {
    expect(() => partsRecord.parse(example('Parts of a large object (`data/…/<sha256>.parts.json`)'))).not.toThrow();
    expect(() => refRecord.parse(example('Ref (`refs/<name>/<version>.json`)'))).not.toThrow();
    expect(() => labelsRecord.parse(example('Labels (`labels/<sha256 of weights>/<version>.json`)'))).not.toThrow();
  });

  it('shows a key pre-image whose digest is the key that the plan names', () => {
    const preimage = example('Key pre-image (`keys/<stage>/<key>.json`)');
    const plan = planRecord.parse(example('Run: plan (`runs/<run>/<revision>/plan.json`)'));
    expect(plan.stages.find((entry) => entry.stage === 'tokens')?.key).toBe(digestOf(preimage));
  });

  it('shows a run whose configuration plans the datasets of the shown plan, and these are the listed ones', () => {
    const config = example('Run: config (`runs/<run>/<revision>/config.json`)');
    const run = parseResolvedRun(config, 'docs/formats.md');
    const planned = initialPlan(run, stepsOfRun(run)).stages;
    const plan = planRecord.parse(example('Run: plan (`runs/<run>/<revision>/plan.json`)'));
    expect(plan.stages.map(({ dataset, tables }) => [dataset, tables])).toEqual(
      planned.map(({ dataset, tables }) => [dataset, tables]),
    );
    const listed = rowsOf(page.split('\n## Datasets\n')[1] ?? '').map(([dataset, tables, stage]) => [
      dataset,
      tables,
      stage,
    ]);
    const generic = planned.map(({ dataset, tables, stage }) => [
      dataset
        .replace(/^[^/]+/, 'RUN')
        .replace(/^(RUN\/activations)\/.*/, '$1/SITE')
        .replace(`/${run.dictionaries[0]?.name ?? ''}/`, '/DICT/'),
      tables.join(),
      stage,
    ]);
    expect([...listed].sort()).toEqual([...generic].sort());
  });
});
