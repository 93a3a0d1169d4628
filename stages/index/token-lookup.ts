// Finds the token and the context of postings from the tokens of one shard. Pure.
import { DataError } from '../../schemas/errors.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { IndexConfig } from '../configs.js';
import { newBlock, type PostingBlock } from './posting-block.js';

export type ContextRule = Pick<IndexConfig['keyed'], 'contextTokens' | 'prepended' | 'packing'>;

/** The documents of one shard: where each one's tokens and contexts begin. */
export interface ShardTokens {
  readonly firstDoc: number;
  /** Row of a document in `offsets`, by doc − firstDoc; −1 where the shard has no such document. */
  readonly rowOfDoc: Int32Array;
  readonly offsets: Uint32Array;
  readonly ids: Uint32Array;
}

/** Joins the tokens tables of one shard. */
export function shardTokens(tables: readonly TableColumns['tokens'][]): ShardTokens {
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
    for (let i = 0; i < table.doc.length; i++)
      offsets[++row] = at + (table.offsets[i + 1] as number);
    at += table.ids.length;
  }
  return { firstDoc, rowOfDoc, offsets, ids };
}

/**
 * Numbers the contexts of a shard, so that a posting's context is base[row] + ⌊(pos + shift[row]) / window⌋.
 * document: each document starts a context; window = contextTokens less the prepended token.
 * concatenate: documents follow each other in one stream, each after its prepended token where there is one, cut into
 * windows of contextTokens: shift = the stream position of the document's first token.
 */
export class ContextNumbers {
  readonly #window: number;
  readonly #base: Uint32Array;
  readonly #shift: Uint32Array;
  /** The first number that the next shard may use. */
  readonly next: number;

  constructor(tokens: ShardTokens, rule: ContextRule, first: number) {
    const rows = tokens.offsets.length - 1;
    const prepended = rule.prepended ? 1 : 0;
    const joined = rule.packing === 'concatenate';
    this.#window = joined ? rule.contextTokens : rule.contextTokens - prepended;
    this.#base = new Uint32Array(rows).fill(first);
    this.#shift = new Uint32Array(rows);
    let next = first;
    let stream = 0;
    for (let row = 0; row < rows; row++) {
      const length = (tokens.offsets[row + 1] as number) - (tokens.offsets[row] as number);
      stream += prepended;
      if (joined) this.#shift[row] = stream;
      else this.#base[row] = next;
      stream += length;
      next += joined ? 0 : Math.ceil(length / this.#window);
    }
    this.next = joined ? first + Math.ceil(stream / this.#window) + 1 : next;
  }

  contextOf(row: number, pos: number): number {
    return (
      (this.#base[row] as number) + Math.floor((pos + (this.#shift[row] as number)) / this.#window)
    );
  }
}

export interface Located {
  readonly feature: Uint32Array;
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly value: Uint16Array;
}

/**
 * The postings of one shard with token and context filled in.
 * @throws DataError where a posting stands outside the shard's documents
 */
export function locatePostings(
  postings: Located,
  tokens: ShardTokens,
  contexts: ContextNumbers,
): PostingBlock {
  const { feature, doc, pos, value } = postings;
  const { token, context } = newBlock(feature.length);
  for (let i = 0; i < feature.length; i++) {
    const row = tokens.rowOfDoc[(doc[i] as number) - tokens.firstDoc] ?? -1;
    const at = row < 0 ? 0 : (tokens.offsets[row] as number) + (pos[i] as number);
    if (row < 0 || at >= (tokens.offsets[row + 1] as number))
      throw outside(doc[i] as number, pos[i] as number);
    token[i] = tokens.ids[at] as number;
    context[i] = contexts.contextOf(row, pos[i] as number);
  }
  return { feature, doc, pos, value, token, context };
}

function outside(doc: number, pos: number): DataError {
  return new DataError(
    `Expected a token at document ${doc}, position ${pos}, found none in the tokens of its shard; the dictionary was encoded from other tokens: run \`assay verify\` on both datasets.`,
    { doc, pos },
  );
}
