// Renders examples: the tokens around each as text, the document they stand in and the feature's value on every one of
// them. Reads only the record batches that hold those documents.
import { halfToFloat } from '../../core/tensor/half.js';
import { DataError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import { readBatches, type ReadCounters } from '../../storage/scan/batch-reader.js';
import { planRanges, type Filter } from '../../storage/scan/planner.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { Dictionary } from './dictionary.js';
import type { Example } from './feature-rows.js';

/** One example with its surroundings, as `assay top --json` shows it. */
export interface RenderedExample {
  readonly doc: number;
  readonly docId: string;
  readonly split: string;
  readonly pos: number;
  /** Position of tokens[0]. */
  readonly start: number;
  readonly value: number;
  /** Text of each token, with the characters between it and the token before. */
  readonly tokens: readonly string[];
  /** The feature's value on each token; 0 where it does not fire. */
  readonly values: readonly number[];
}

export interface RenderRequest {
  readonly feature: number;
  readonly examples: readonly Example[];
  /** Tokens shown on each side of an example. */
  readonly around: number;
}

/** The examples with their surroundings, in the order given. @throws DataError where a document is not in the tokens */
export async function renderExamples(
  dictionary: Dictionary,
  request: RenderRequest,
  counters: ReadCounters,
): Promise<RenderedExample[]> {
  const docs = [...new Set(request.examples.map((example) => example.doc))];
  const scan: Scan = { dictionary, docs, counters };
  const [documents, tokens, values] = await Promise.all([
    readDocuments(scan),
    readOffsets(scan),
    readValues(scan, request.feature),
  ]);
  return request.examples.map((example) => {
    const document = documents.get(example.doc);
    const own = tokens.get(example.doc);
    if (!document || !own) throw missing(example.doc);
    const start = Math.max(0, example.pos - request.around);
    const end = Math.min(own.starts.length, example.pos + request.around + 1);
    const positions = Array.from({ length: end - start }, (_, i) => start + i);
    return {
      doc: example.doc,
      docId: document.id,
      split: document.split,
      pos: example.pos,
      start,
      value: example.value,
      tokens: positions.map((pos) => tokenText(document.text, own, pos)),
      values: positions.map((pos) => values.get(`${example.doc}/${pos}`) ?? 0),
    };
  });
}

interface DocumentText {
  readonly id: string;
  readonly split: string;
  /** Code points. */
  readonly text: readonly string[];
}

async function readDocuments(scan: Scan): Promise<Map<number, DocumentText>> {
  const found = new Map<number, DocumentText>();
  await scanRows('documents', scan, ({ id, split, text }, row, doc) => {
    found.set(doc, { id: id[row] as string, split: split[row] as string, text: Array.from(text[row] as string) });
  });
  return found;
}

interface Offsets {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

async function readOffsets(scan: Scan): Promise<Map<number, Offsets>> {
  const found = new Map<number, Offsets>();
  await scanRows('tokens', scan, ({ offsets, starts, ends }, row, doc) => {
    const range = [offsets[row] as number, offsets[row + 1] as number] as const;
    found.set(doc, { starts: starts.slice(...range), ends: ends.slice(...range) });
  });
  return found;
}

/** The feature's values in the wanted documents, by "doc/pos". */
async function readValues(scan: Scan, feature: number): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  await scanRows('acts', scan, ({ pos, features }, row, doc) => {
    const end = features.offsets[row + 1] as number;
    for (let i = features.offsets[row] as number; i < end; i++) {
      if (features.feature[i] !== feature) continue;
      found.set(`${doc}/${pos[row] as number}`, halfToFloat(features.value[i] as number));
    }
  });
  return found;
}

interface Scan {
  readonly dictionary: Dictionary;
  /** Documents whose rows are wanted. */
  readonly docs: readonly number[];
  readonly counters: ReadCounters;
}

type ScannedTable = 'documents' | 'tokens' | 'acts';

/** Shows `take` every row of the table that belongs to a wanted document. */
async function scanRows<Table extends ScannedTable>(
  table: Table,
  { dictionary, docs, counters }: Scan,
  take: (columns: TableColumns[Table], row: number, doc: number) => void,
): Promise<void> {
  const { objects, store } = dictionary;
  const all: readonly ObjectRecord[] = table === 'acts' ? objects.encoded : objects.tokens;
  const filter: Filter = { doc: { in: docs } };
  const plan = planRanges(
    all.filter((object) => object.table === table),
    filter,
  );
  const wanted = new Set(docs);
  for await (const { columns } of readBatches(table, plan, { store, counters })) {
    const { doc: rows } = columns as TableColumns[ScannedTable];
    rows.forEach((doc, row) => {
      if (wanted.has(doc)) take(columns, row, doc);
    });
  }
}

/** The text of a token, with what stands between it and the one before (offsets may leave spaces out). */
function tokenText(text: readonly string[], { starts, ends }: Offsets, pos: number): string {
  const start = starts[pos] as number;
  const before = pos === 0 ? 0 : (ends[pos - 1] as number);
  return text.slice(Math.min(before, start), ends[pos]).join('');
}

function missing(doc: number): DataError {
  return new DataError(
    `Expected document ${doc} in the tokens that the dictionary was encoded from, found none; the pinned datasets do not belong together: run \`assay verify\` on both.`,
    { doc },
  );
}
