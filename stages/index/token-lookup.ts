// Finds the token and the context of postings from the tokens of one shard. Pure.
import { NONE, contextCount, packContexts, type PackingOptions } from '../../core/corpus/packing.js';
import { DataError } from '../../schemas/errors.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import { newBlock, type PostingBlock } from './posting-block.js';

/** The documents of one shard: their tokens end to end, and the context that holds each. */
export interface ShardTokens {
  readonly firstDoc: number;
  /** Row of a document in `offsets`, by doc − firstDoc; −1 where the shard has no such document. */
  readonly rowOfDoc: Int32Array;
  readonly offsets: Uint32Array;
  readonly ids: Uint32Array;
  /** [tokens]: context of each token, counted within the shard. */
  readonly contexts: Uint32Array;
  readonly contextCount: number;
}

/** Joins the tokens tables of one shard and cuts its contexts as the model saw them. */
export function shardTokens(tables: readonly TableColumns['tokens'][], packing: PackingOptions): ShardTokens {
  const docs = tables.flatMap((table) => [...table.doc]);
  const firstDoc = docs[0] ?? 0;
  const rowOfDoc = new Int32Array((docs.at(-1) ?? firstDoc) - firstDoc + 1).fill(-1);
  docs.forEach((doc, row) => (rowOfDoc[doc - firstDoc] = row));
  const offsets = new Uint32Array(docs.length + 1);
  const ids = new Uint32Array(tables.reduce((sum, table) => sum + table.ids.length, 0));
  let row = 0;
  let at = 0;
  for (const table of tables) {
    ids.set(table.ids, at);
    for (let i = 0; i < table.doc.length; i++) offsets[++row] = at + (table.offsets[i + 1] as number);
    at += table.ids.length;
  }
  const packed = packContexts(offsets, packing);
  const { contexts } = packed;
  return { firstDoc, rowOfDoc, offsets, ids, contexts, contextCount: contextCount(packed) };
}

export interface Located {
  readonly feature: Uint32Array;
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly value: Uint16Array;
}

/**
 * The postings of one shard with token and context filled in.
 * @param firstContext number of the shard's first context among all contexts
 * @throws DataError where a posting stands outside the shard's contexts
 */
export function locatePostings(postings: Located, tokens: ShardTokens, firstContext: number): PostingBlock {
  const { feature, doc, pos, value } = postings;
  const { token, context } = newBlock(feature.length);
  for (let i = 0; i < feature.length; i++) {
    const row = tokens.rowOfDoc[(doc[i] as number) - tokens.firstDoc] ?? -1;
    const at = row < 0 ? 0 : (tokens.offsets[row] as number) + (pos[i] as number);
    const own = row < 0 || at >= (tokens.offsets[row + 1] as number) ? NONE : tokens.contexts[at];
    if (own === undefined || own === NONE) throw outside(doc[i] as number, pos[i] as number);
    token[i] = tokens.ids[at] as number;
    context[i] = firstContext + own;
  }
  return { feature, doc, pos, value, token, context };
}

function outside(doc: number, pos: number): DataError {
  return new DataError(
    `Expected a token at document ${doc}, position ${pos}, found none in the tokens of its shard; the dictionary was encoded from other tokens: run \`assay verify\` on both datasets.`,
    { doc, pos },
  );
}
