// The label stage's task in the compute child: examples of a range of features, the tokens around them, a rule for each feature. Asks
// the worker for one shard's tokens at a time; never touches the store.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import { keyedHash } from '../../core/tensor/keyed-hash.js';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import type { TableMetadata } from '../../storage/tables/layouts.js';
import { readTable, readTokensTable } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { ChildOutput } from '../stage.js';
import type { LabelInputs } from './config.js';
import { ExampleWindows } from './example-windows.js';
import { firstLabel, ruleText, type LabelExample } from './first-label.js';

export interface LabelRequest {
  readonly spool: string;
  readonly shard: string;
  readonly range: LabelInputs['range'];
  /** Local copies of the objects of these tables that cover the range, in order. */
  readonly top: readonly string[];
  readonly bands: readonly string[];
  readonly promoted: readonly string[];
  /** Shards of tokens: the worker answers ask('tokens', {index}) with local copies of one's objects. */
  readonly shards: number;
  readonly tokenizer: string;
  readonly metadata: TableMetadata<'labels'>;
}

/** Strongest examples that a label is made from. */
const STRONGEST = 20;
const WRITTEN = 4096;

/** Examples of one sort: those of each feature stand together. */
interface Sort {
  readonly fires: boolean;
  readonly isDrawn: boolean;
  /** By feature − from: numbers of the first and after the last example among the windows. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

interface Gathered {
  readonly windows: ExampleWindows;
  /** Drawn from bands, rows without the feature, strongest. */
  readonly sorts: readonly Sort[];
  /** By feature − from. */
  readonly raised: readonly number[][];
}

async function labelRange(request: LabelRequest, context: ChildContext): Promise<ChildOutput> {
  const { spool, shard, range, metadata } = request;
  const gathered = await gather(request);
  gathered.windows.seal();
  for (let index = 0; index < request.shards; index++)
    for (const file of await context.ask<string[]>('tokens', { index })) {
      gathered.windows.fill(await readTokensTable(file));
      context.alive();
    }
  const tokenizer = new Tokenizer(await readFile(request.tokenizer));
  const writer = await TableWriter.open({ table: 'labels', path: path.join(spool, 'labels.arrow'), shard, metadata });
  let labelled = 0;
  try {
    for (let from = range.from; from < range.to; from += WRITTEN) {
      const to = Math.min(range.to, from + WRITTEN);
      const rows = Array.from({ length: to - from }, (_, i) => labelOf(from + i - range.from, gathered, tokenizer));
      labelled += rows.filter(({ label }) => label !== '').length;
      await writer.write({
        feature: Uint32Array.from(rows, (_, i) => from + i),
        label: rows.map(({ label }) => label),
        source: rows.map(() => 'auto'),
        score: Float64Array.from(rows, ({ score }) => score ?? NaN),
        n: Uint32Array.from(rows, ({ n }) => n),
      });
      context.progress({ rows: to - from });
    }
    return { files: await writer.finish(), statistics: { features: range.to - range.from, labelled } };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function labelOf(
  row: number,
  { windows, sorts, raised }: Gathered,
  tokenizer: Tokenizer,
): { readonly label: string; readonly score: number | null; readonly n: number } {
  const own = sorts.flatMap(({ fires, isDrawn, from, to }) => {
    const [first, end] = [from[row] as number, to[row] as number];
    return Array.from({ length: end - first }, (_, i): LabelExample => {
      const isHeldOut = keyedHash('label', [windows.docOf(first + i), 0, 0]) % 2 === 1;
      return { window: windows.windowOf(first + i), fires, isDrawn, isHeldOut };
    });
  });
  const { rule, score, n } = firstLabel(own, raised[row] ?? []);
  if (rule === null) return { label: '', score: null, n: 0 };
  const ids = [...new Set(rule.alternatives.flat())];
  const texts = new Map(tokenizer.textsOf(ids).map((text, i) => [ids[i] as number, text ?? `#${ids[i] as number}`]));
  return { label: ruleText(rule, (token) => texts.get(token) ?? ''), score, n };
}

/** The examples of every feature; one that is both among the strongest and drawn from a band counts twice where the label is made. */
async function gather({ range, top, bands, promoted }: LabelRequest): Promise<Gathered> {
  const features = range.to - range.from;
  const windows = new ExampleWindows();
  const sort = (of: Pick<Sort, 'fires' | 'isDrawn'>): Sort => ({
    ...{ ...of, from: new Uint32Array(features), to: new Uint32Array(features) },
  });
  const [drawn, quiet, strongest] = [
    sort({ fires: true, isDrawn: true }),
    sort({ fires: false, isDrawn: true }),
    sort({ fires: true, isDrawn: false }),
  ];
  const add = (to: Sort, feature: number, { doc, pos, list: [start, end] }: Listed): void => {
    to.from[feature - range.from] = windows.count;
    for (let i = start; i < end; i++) windows.add(doc[i] as number, pos[i] as number);
    to.to[feature - range.from] = windows.count;
  };
  const listOf = ({ offsets }: { readonly offsets: Uint32Array }, row: number): [number, number] => [
    offsets[row] as number,
    offsets[row + 1] as number,
  ];
  for (const file of bands) {
    const { columns } = await readTable('bands', file);
    columns.feature.forEach((feature, row) => {
      add(drawn, feature, { ...columns.examples, list: listOf(columns.examples, row) });
      add(quiet, feature, { ...columns.quiet, list: listOf(columns.quiet, row) });
    });
  }
  for (const file of top) {
    const { feature: numbers, examples } = (await readTable('top', file)).columns;
    const slots = examples.doc.length / Math.max(1, numbers.length);
    numbers.forEach((feature, row) => {
      const used = Math.min(STRONGEST, examples.count[row] as number);
      add(strongest, feature, { ...examples, list: [row * slots, row * slots + used] });
    });
  }
  const raised: number[][] = Array.from({ length: features }, () => []);
  for (const file of promoted) {
    const { feature: numbers, raised: tokens } = (await readTable('promoted', file)).columns;
    numbers.forEach((feature, row) => {
      raised[feature - range.from] = [...tokens.token.subarray(...listOf(tokens, row))];
    });
  }
  return { windows, sorts: [drawn, quiet, strongest], raised };
}

/** A list of places: those from the first number up to the second. */
interface Listed {
  readonly list: readonly [number, number];
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
}

export const labelTasks: { readonly label: ChildTask<LabelRequest, ChildOutput> } = { label: labelRange };
