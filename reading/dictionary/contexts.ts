// Renders examples: the tokens around each as text, the document they stand in and the feature's value on every one of
// them. Reads only the record batches that hold those documents.
import { halfToFloat } from '../../core/tensor/half.js';
import { DataError } from '../../schemas/errors.js';
import { newCounters, readBatches, type ReadCounters } from '../../storage/scan/batch-reader.js';
import type { Coverage, Dictionary } from './dictionary.js';
import type { Example } from './feature-rows.js';
import { planRanges, type Filter } from '../../storage/scan/planner.js';

/** One example with its surroundings; the JSON document of `assay top`. */
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

/** `assay top --json`, and what it cost. */
export interface TopDocument {
  readonly dict: string;
  readonly feature: number;
  readonly n: number;
  readonly density: number;
  readonly examples: readonly RenderedExample[];
}

export interface TopRequest {
  /** Name of the dictionary, as it is to be shown. */
  readonly dict: string;
  readonly feature: number;
  /** Examples wanted. */
  readonly k: number;
  /** Tokens shown on each side of an example. */
  readonly around: number;
}

/** The `assay top` document of one feature. @throws InputError where there is no such feature */
export async function describeTop(
  dictionary: Dictionary,
  request: TopRequest,
): Promise<{
  readonly document: TopDocument;
  readonly coverage: Coverage;
  readonly cost: ReadCounters;
}> {
  const { dict, feature, k, around } = request;
  const { n, density, cost: summaryCost } = await dictionary.summary(feature);
  const list = await dictionary.top(feature, k);
  const rendering = newCounters();
  const examples = await renderExamples(dictionary, { feature, examples: list.examples, around }, rendering);
  return {
    document: { dict, feature, n, density, examples },
    coverage: list.coverage,
    cost: addCounters([summaryCost, list.cost, rendering]),
  };
}

export interface RenderRequest {
  readonly feature: number;
  readonly examples: readonly Example[];
  readonly around: number;
}

/** The examples with their surroundings, in the order given. @throws DataError where a document is not in the tokens */
export async function renderExamples(
  dictionary: Dictionary,
  request: RenderRequest,
  counters: ReadCounters,
): Promise<RenderedExample[]> {
  const docs = [...new Set(request.examples.map((example) => example.doc))];
  const filter: Filter = { doc: { in: docs } };
  const wanted = new Set(docs);
  const documents = await readDocuments(dictionary, { filter, wanted, counters });
  const tokens = await readTokens(dictionary, { filter, wanted, counters });
  const values = await readValues(dictionary, { filter, wanted, counters }, request.feature);
  return request.examples.map((example) => {
    const document = documents.get(example.doc);
    const own = tokens.get(example.doc);
    if (!document || !own) throw missing(example.doc);
    const start = Math.max(0, example.pos - request.around);
    const end = Math.min(own.starts.length, example.pos + request.around + 1);
    const positions = Array.from({ length: end - start }, (_, i) => start + i);
    const text = codePoints(document.text);
    return {
      doc: example.doc,
      docId: document.id,
      split: document.split,
      pos: example.pos,
      start,
      value: example.value,
      tokens: positions.map((pos) => tokenText(text, own, pos)),
      values: positions.map((pos) => values.get(`${example.doc}/${pos}`) ?? 0),
    };
  });
}

interface Reading {
  readonly filter: Filter;
  readonly wanted: ReadonlySet<number>;
  readonly counters: ReadCounters;
}

interface DocumentText {
  readonly id: string;
  readonly split: string;
  readonly text: string;
}

interface Offsets {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

async function readDocuments(
  dictionary: Dictionary,
  { filter, wanted, counters }: Reading,
): Promise<Map<number, DocumentText>> {
  const plan = planRanges(
    dictionary.objects.tokens.filter((o) => o.table === 'documents'),
    filter,
  );
  const found = new Map<number, DocumentText>();
  for await (const { columns } of readBatches('documents', plan, {
    store: dictionary.store,
    counters,
  })) {
    columns.doc.forEach((doc, row) => {
      if (wanted.has(doc))
        found.set(doc, {
          id: columns.id[row] as string,
          split: columns.split[row] as string,
          text: columns.text[row] as string,
        });
    });
  }
  return found;
}

async function readTokens(
  dictionary: Dictionary,
  { filter, wanted, counters }: Reading,
): Promise<Map<number, Offsets>> {
  const plan = planRanges(
    dictionary.objects.tokens.filter((o) => o.table === 'tokens'),
    filter,
  );
  const found = new Map<number, Offsets>();
  for await (const { columns } of readBatches('tokens', plan, {
    store: dictionary.store,
    counters,
  })) {
    columns.doc.forEach((doc, row) => {
      if (!wanted.has(doc)) return;
      const range = [columns.offsets[row] as number, columns.offsets[row + 1] as number] as const;
      found.set(doc, {
        starts: columns.starts.slice(...range),
        ends: columns.ends.slice(...range),
      });
    });
  }
  return found;
}

/** The feature's values in the wanted documents, by "doc/pos". */
async function readValues(
  dictionary: Dictionary,
  { filter, wanted, counters }: Reading,
  feature: number,
): Promise<Map<string, number>> {
  const plan = planRanges(
    dictionary.objects.encoded.filter((o) => o.table === 'acts'),
    filter,
  );
  const found = new Map<string, number>();
  for await (const { columns } of readBatches('acts', plan, {
    store: dictionary.store,
    counters,
  })) {
    const { offsets, feature: features, value } = columns.features;
    columns.doc.forEach((doc, row) => {
      if (!wanted.has(doc)) return;
      const end = offsets[row + 1] as number;
      for (let i = offsets[row] as number; i < end; i++) {
        if (features[i] === feature) found.set(`${doc}/${columns.pos[row] as number}`, halfToFloat(value[i] as number));
      }
    });
  }
  return found;
}

/** The text of a token, with what stands between it and the one before (offsets may leave spaces out). */
function tokenText(text: readonly string[], { starts, ends }: Offsets, pos: number): string {
  const start = starts[pos] as number;
  const before = pos === 0 ? 0 : (ends[pos - 1] as number);
  return text.slice(Math.min(before, start), ends[pos]).join('');
}

function codePoints(text: string): readonly string[] {
  return Array.from(text);
}

function addCounters(all: readonly ReadCounters[]): ReadCounters {
  const sum = newCounters();
  for (const { bytesFetched, requests, batchesScanned } of all) {
    sum.bytesFetched += bytesFetched;
    sum.requests += requests;
    sum.batchesScanned += batchesScanned;
  }
  return sum;
}

function missing(doc: number): DataError {
  return new DataError(
    `Expected document ${doc} in the tokens that the dictionary was encoded from, found none; the pinned datasets do not belong together: run \`assay verify\` on both.`,
    { doc },
  );
}
