// The order in which a training sees activation rows: a pure function of (run seed, the site's tokens, epoch) and nothing
// else, so that a resumed training recomputes it and dictionaries that share a read see what they would see alone.
//
//   block          a record batch of a fit shard's activations (at most 4096 rows, permuted within the shard when written)
//   super-buffer   64 consecutive blocks of the epoch's order, shuffled together as rows
//   epoch          all blocks in the order of a keyed Feistel permutation
//   batch          B consecutive rows of the epoch; a remainder is carried into the next super-buffer, the epoch's last
//                  partial batch is dropped, so every epoch has floor(rows / B) batches
import { DataError } from '../../schemas/errors.js';
import { feistelPermutation } from '../tensor/feistel.js';
import { KeyedRandom } from '../tensor/random.js';

/** Blocks that are loaded and shuffled together. */
export const SUPERBUFFER_BLOCKS = 64;

export interface DataOrder {
  readonly runSeed: number;
  /** Digest of the pinned activations. */
  readonly tokens: string;
  /** Rows of each block, in the order of shards. */
  readonly blockRows: readonly number[];
}

/** One super-buffer of one epoch, both counted from 0. */
export interface SuperbufferId {
  readonly epoch: number;
  readonly index: number;
}

/** Where a batch begins: a row of a super-buffer, in the shuffled order. */
export interface Cursor extends SuperbufferId {
  readonly row: number;
}

/** Rows of one epoch. */
export function epochRows({ blockRows }: DataOrder): number {
  return blockRows.reduce((sum, rows) => sum + rows, 0);
}

/** Super-buffers of one epoch. */
export function superbuffersPerEpoch({ blockRows }: DataOrder): number {
  return Math.ceil(blockRows.length / SUPERBUFFER_BLOCKS);
}

/** Numbers of the blocks that make a super-buffer, in the order in which they are laid end to end. */
export function superbufferBlocks(order: DataOrder, { epoch, index }: SuperbufferId): number[] {
  const { runSeed, tokens, blockRows } = order;
  const blockAt = feistelPermutation(blockRows.length, 'blocks', runSeed, tokens, epoch);
  const first = index * SUPERBUFFER_BLOCKS;
  const count = Math.min(SUPERBUFFER_BLOCKS, blockRows.length - first);
  return Array.from({ length: count }, (_, i) => blockAt(first + i));
}

/** Rows of a super-buffer. */
export function superbufferRows(order: DataOrder, id: SuperbufferId): number {
  return superbufferBlocks(order, id).reduce((sum, block) => sum + (order.blockRows[block] ?? 0), 0);
}

/** The order in which a super-buffer's rows are used: position → row as laid end to end. */
export function superbufferPermutation(order: DataOrder, id: SuperbufferId): Uint32Array {
  const random = new KeyedRandom('rows', order.runSeed, order.tokens, id.epoch, id.index);
  return random.permutation(superbufferRows(order, id));
}

/** The super-buffer after one, across epochs. */
export function nextSuperbuffer(order: DataOrder, { epoch, index }: SuperbufferId): SuperbufferId {
  const last = index + 1 === superbuffersPerEpoch(order);
  return last ? { epoch: epoch + 1, index: 0 } : { epoch, index: index + 1 };
}

/** Batches of one epoch. @throws DataError where the fit rows do not fill one batch. */
export function stepsPerEpoch(order: DataOrder, batchRows: number): number {
  const rows = epochRows(order);
  if (rows >= batchRows) return Math.floor(rows / batchRows);
  const text = `Expected at least batchRows = ${batchRows} rows in the fit split, found ${rows}. Lower saes.batchRows or give more text.`;
  throw new DataError(text, { rows, batchRows });
}

/** Where the batch of training step `step` (0 for the first) begins. */
export function cursorAt(order: DataOrder, batchRows: number, step: number): Cursor {
  const steps = stepsPerEpoch(order, batchRows);
  const epoch = Math.floor(step / steps);
  let row = (step % steps) * batchRows;
  for (let index = 0; ; index++) {
    const rows = superbufferRows(order, { epoch, index });
    if (row < rows) return { epoch, index, row };
    row -= rows;
  }
}
