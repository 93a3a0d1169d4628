// The strongest examples of a feature over the pinned snapshots of its dictionary, and how much of the data they rest on.
import type { z } from 'zod';
import type { topDocument } from '../../schemas/documents/results.js';
import { splitName } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { describeTop } from './contexts.js';
import type { DictionaryName } from '../datasets/dataset-names.js';
import { openPinnedDictionary, type OpenedDictionary } from './open-dictionary.js';

export interface TopRequest {
  readonly name: DictionaryName;
  readonly feature: number;
  /** Examples. */
  readonly k: number;
  /** Tokens on either side. */
  readonly context: number;
  readonly signal: AbortSignal;
}

export interface TopAnswer {
  readonly document: z.infer<typeof topDocument>;
  /** Said beside the answer: coverage of growing data, fewer examples than asked for. */
  readonly note: string | null;
}

/** @throws InputError where there is no such feature */
export async function readTop(store: ObjectStore, request: TopRequest): Promise<TopAnswer> {
  const opened = await openPinnedDictionary(store, request.name, request.signal);
  const { feature, k, context } = request;
  const dict = `${request.name.run}/${request.name.dictionary}`;
  const { document, coverage } = await describeTop(opened.dictionary, {
    dict,
    feature,
    k,
    around: context,
  });
  const examples = document.examples.map((example) => ({
    ...example,
    split: splitName.parse(example.split),
    tokens: [...example.tokens],
    values: [...example.values],
  }));
  const { acts } = opened;
  const growing = coverage !== null || !acts.complete;
  return {
    document: {
      ...document,
      examples,
      ...(growing ? { coverage: { shards: acts.commits, planned: acts.planned } } : {}),
    },
    note:
      [growing ? growingNote(opened, coverage === null) : null, keptNote(opened, k)]
        .filter((text) => text !== null)
        .join('\n') || null,
  };
}

function growingNote({ acts, name }: OpenedDictionary, indexed: boolean): string {
  const planned = acts.planned === null ? '' : ` of ${acts.planned}`;
  const source = indexed ? 'The index' : "The shards' own lists (the index is not made yet)";
  return `${source} covers ${acts.commits}${planned} shards of ${name.run}/${name.dictionary} so far.`;
}

function keptNote({ dictionary }: OpenedDictionary, k: number): string | null {
  const kept = dictionary.storedExamples;
  return kept === null || k <= kept
    ? null
    : `The index keeps ${kept} examples per feature (index.topExamples), ${k} were asked for.`;
}
