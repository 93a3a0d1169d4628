// Everything about a shard that does not depend on the model: its tokens, contexts, forward passes, rows, and the order in
// which rows are stored. A function of the tokens and settings alone.
import {
  packContexts,
  planBatches,
  planRows,
  type ContextBatch,
  type Packing,
  type RowPlan,
} from '../../core/corpus/packing.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { readTokensTable } from '../../storage/tables/read.js';
import type { ActivationsConfig } from './config.js';

export interface ShardRows {
  /** [tokens]: token ids of the shard, documents end to end. */
  readonly ids: Uint32Array;
  readonly packing: Packing;
  readonly batches: readonly ContextBatch[];
  readonly rowOfSlot: RowPlan['rowOfSlot'];
  /** [rows]: where each row is stored. */
  readonly place: Uint32Array;
  /** [rows], as stored: the token's document number and its index in that document. */
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
}

export type PackingSettings = Pick<
  ActivationsConfig['keyed'],
  'contextTokens' | 'prependId' | 'packing' | 'dropPositions' | 'dropTokens' | 'batchTokens'
>;

interface ShardTokens {
  /** [documents] */
  readonly doc: Uint32Array;
  /** [documents + 1] */
  readonly offsets: Uint32Array;
  readonly ids: Uint32Array;
}

/** The tokens of a shard from its files, in order. @throws DataError for a damaged file */
export async function readShardTokens(files: readonly string[]): Promise<ShardTokens> {
  const tables = [];
  for (const file of files) tables.push(await readTokensTable(file));
  const documents = tables.reduce((sum, table) => sum + table.doc.length, 0);
  const tokens = tables.reduce((sum, table) => sum + table.ids.length, 0);
  const doc = new Uint32Array(documents);
  const offsets = new Uint32Array(documents + 1);
  const ids = new Uint32Array(tokens);
  let atDoc = 0;
  let atToken = 0;
  for (const table of tables) {
    doc.set(table.doc, atDoc);
    ids.set(table.ids, atToken);
    for (let i = 0; i < table.doc.length; i++) {
      offsets[atDoc + i + 1] = atToken + (table.offsets[i + 1] as number);
    }
    atDoc += table.doc.length;
    atToken += table.ids.length;
  }
  return { doc, offsets, ids };
}

/**
 * Contexts, passes and stored order of a shard. Row i of the shard (in token order) is stored at place[i]; the permutation is
 * keyed by the digest of the shard's tokens and nothing else, so that all sites, models and seeds align row by row.
 */
export function layOutShard(tokens: ShardTokens, input: string, settings: PackingSettings): ShardRows {
  const { contextTokens, prependId, packing: mode, dropPositions, batchTokens } = settings;
  const packing = packContexts(tokens.offsets, {
    contextTokens,
    prepended: prependId !== null,
    packing: mode,
  });
  const dropped = new Set(settings.dropTokens);
  const { rowOfSlot, tokenOfRow } = planRows(packing, dropPositions, (token) =>
    dropped.has(tokens.ids[token] as number),
  );
  const rowAt = new KeyedRandom('rows', input).permutation(tokenOfRow.length);
  const documentOfToken = documentIndex(tokens.offsets);
  const place = new Uint32Array(rowAt.length);
  const doc = new Uint32Array(rowAt.length);
  const pos = new Uint32Array(rowAt.length);
  for (let stored = 0; stored < rowAt.length; stored++) {
    const row = rowAt[stored] as number;
    const token = tokenOfRow[row] as number;
    const document = documentOfToken[token] as number;
    place[row] = stored;
    doc[stored] = tokens.doc[document] as number;
    pos[stored] = token - (tokens.offsets[document] as number);
  }
  return {
    ids: tokens.ids,
    packing,
    batches: planBatches(packing, batchTokens),
    rowOfSlot,
    place,
    doc,
    pos,
  };
}

/** Token ids of a forward pass, [contexts, length]; slots without a token get the prepended id. */
export function batchIds(shard: ShardRows, batch: ContextBatch, prependId: number): Uint32Array {
  const { ids, packing } = shard;
  const result = new Uint32Array(batch.contexts.length * batch.length);
  batch.contexts.forEach((k, b) => {
    const start = packing.starts[k] as number;
    for (let i = 0; i < batch.length; i++) {
      // NONE is beyond every token, so a prepended slot reads undefined.
      result[b * batch.length + i] = ids[packing.slots[start + i] as number] ?? prependId;
    }
  });
  return result;
}

function documentIndex(offsets: Uint32Array): Uint32Array {
  const result = new Uint32Array(offsets.at(-1) ?? 0);
  for (let d = 0; d + 1 < offsets.length; d++) result.fill(d, offsets[d], offsets[d + 1]);
  return result;
}
