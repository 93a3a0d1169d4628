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

/** An example of a feature: its number among the windows, and what it is. */
interface Known {
  readonly example: number;
  readonly fires: boolean;
  readonly isDrawn: boolean;
}

interface Gathered {
  readonly windows: ExampleWindows;
  /** By feature − from. */
  readonly examples: readonly Known[][];
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
  { windows, examples, raised }: Gathered,
  tokenizer: Tokenizer,
): { readonly label: string; readonly score: number | null; readonly n: number } {
  const own = (examples[row] ?? []).map(({ example, fires, isDrawn }): LabelExample => {
    const isHeldOut = keyedHash('label', windows.docOf(example), 0, 0) % 2 === 1;
    return { window: windows.windowOf(example), fires, isDrawn, isHeldOut };
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
  const examples: Known[][] = Array.from({ length: features }, () => []);
  const raised: number[][] = Array.from({ length: features }, () => []);
  for (const file of bands) {
    const { feature, examples: drawn, quiet } = (await readTable('bands', file)).columns;
    feature.forEach((f, row) => {
      const own = examples[f - range.from] as Known[];
      for (let i = drawn.offsets[row] as number; i < (drawn.offsets[row + 1] as number); i++)
        own.push({
          example: windows.add(drawn.doc[i] as number, drawn.pos[i] as number),
          ...{ fires: true, isDrawn: true },
        });
      for (let i = quiet.offsets[row] as number; i < (quiet.offsets[row + 1] as number); i++)
        own.push({
          example: windows.add(quiet.doc[i] as number, quiet.pos[i] as number),
          ...{ fires: false, isDrawn: true },
        });
    });
  }
  for (const file of top) {
    const { feature, examples: strongest } = (await readTable('top', file)).columns;
    const slots = strongest.doc.length / Math.max(1, feature.length);
    feature.forEach((f, row) => {
      const used = Math.min(STRONGEST, strongest.count[row] as number);
      for (let i = row * slots; i < row * slots + used; i++)
        (examples[f - range.from] as Known[]).push({
          example: windows.add(strongest.doc[i] as number, strongest.pos[i] as number),
          ...{ fires: true, isDrawn: false },
        });
    });
  }
  for (const file of promoted) {
    const { feature, raised: tokens } = (await readTable('promoted', file)).columns;
    feature.forEach((f, row) => {
      raised[f - range.from] = [...tokens.token.subarray(tokens.offsets[row], tokens.offsets[row + 1])];
    });
  }
  return { windows, examples, raised };
}

export const labelTasks: { readonly label: ChildTask<LabelRequest, ChildOutput> } = { label: labelRange };
