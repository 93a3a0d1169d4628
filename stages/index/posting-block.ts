// Postings in memory, with the token and the context that each stands in, and the merge of the shards' sorted runs into
// blocks in (feature, doc, pos) order. Pure.
import { DataError } from '../../schemas/errors.js';

/** Rows in (feature, doc, pos) order; all arrays of one length. */
export interface PostingBlock {
  readonly feature: Uint32Array;
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  /** Halves. */
  readonly value: Uint16Array;
  /** Token id at (doc, pos). */
  readonly token: Uint32Array;
  /** A number per context, ascending with (doc, pos), never shared by two contexts. */
  readonly context: Uint32Array;
}

/** A merged block covers features from … to − 1 wholly, silent ones included. */
export interface MergedBlock {
  readonly from: number;
  readonly to: number;
  readonly block: PostingBlock;
}

/** About how many postings, and at most how many features, one merged block holds. */
export const BLOCK_POSTINGS = 2 ** 20;
export const BLOCK_FEATURES = 4096;

/** A block of `rows` rows, all zero. */
export function newBlock(rows: number): PostingBlock {
  return {
    feature: new Uint32Array(rows),
    doc: new Uint32Array(rows),
    pos: new Uint32Array(rows),
    value: new Uint16Array(rows),
    token: new Uint32Array(rows),
    context: new Uint32Array(rows),
  };
}

/**
 * Merges runs into blocks that cover features from … to − 1. Runs must come in document order, each sorted, so that
 * placing them one after the other feature by feature (a counting sort) is the k-way merge.
 */
export function* mergeRuns(
  runs: readonly PostingBlock[],
  range: { readonly from: number; readonly to: number },
): Generator<MergedBlock> {
  const { from, to } = range;
  const perFeature = new Uint32Array(to - from);
  for (const run of runs)
    for (const feature of run.feature) perFeature[feature - from] = (perFeature[feature - from] as number) + 1;
  const cursors = new Uint32Array(runs.length);
  for (let start = from; start < to;) {
    const { end, rows } = blockEnd(perFeature, start - from, to - from);
    const block = newBlock(rows);
    const next = new Uint32Array(end - (start - from));
    for (let f = 1; f < next.length; f++)
      next[f] = (next[f - 1] as number) + (perFeature[start - from + f - 1] as number);
    runs.forEach(
      (run, r) =>
        (cursors[r] = place(run, block, {
          cursor: cursors[r] as number,
          start,
          end: end + from,
          next,
        })),
    );
    yield { from: start, to: end + from, block };
    start = end + from;
  }
}

/** Feature offset at which a block that begins at `start` ends, and its rows; at least one feature. */
function blockEnd(perFeature: Uint32Array, start: number, features: number): { end: number; rows: number } {
  let end = start;
  let rows = 0;
  while (
    end < features &&
    end - start < BLOCK_FEATURES &&
    (end === start || rows + (perFeature[end] as number) <= BLOCK_POSTINGS)
  ) {
    rows += perFeature[end++] as number;
  }
  return { end, rows };
}

interface Placing {
  readonly cursor: number;
  readonly start: number;
  readonly end: number;
  /** Where the next row of each feature goes. */
  readonly next: Uint32Array;
}

/** Copies a run's rows of features start … end − 1 to their places; returns where the run goes on. */
function place(run: PostingBlock, block: PostingBlock, { cursor, start, end, next }: Placing): number {
  let row = cursor;
  for (; row < run.feature.length && (run.feature[row] as number) < end; row++) {
    const feature = run.feature[row] as number;
    const at = next[feature - start] as number;
    next[feature - start] = at + 1;
    block.feature[at] = feature;
    block.doc[at] = run.doc[row] as number;
    block.pos[at] = run.pos[row] as number;
    block.value[at] = run.value[row] as number;
    block.token[at] = run.token[row] as number;
    block.context[at] = run.context[row] as number;
  }
  return row;
}

/** Checks that rows ascend strictly by (feature, doc, pos), also against the row before the block. */
export class OrderCheck {
  #feature = -1;
  #doc = -1;
  #pos = -1;

  /** @throws DataError at the first row that does not ascend */
  check(block: PostingBlock): void {
    for (let i = 0; i < block.feature.length; i++) {
      const feature = block.feature[i] as number;
      const doc = block.doc[i] as number;
      const pos = block.pos[i] as number;
      const ascends =
        feature !== this.#feature ? feature > this.#feature : doc !== this.#doc ? doc > this.#doc : pos > this.#pos;
      if (!ascends) {
        throw new DataError(
          `Expected postings in ascending (feature, doc, pos), found (${feature}, ${doc}, ${pos}) after (${this.#feature}, ${this.#doc}, ${this.#pos}); two shards share documents or a run is not sorted: run \`assay verify\` on the dictionary's acts.`,
          { feature, doc, pos },
        );
      }
      this.#feature = feature;
      this.#doc = doc;
      this.#pos = pos;
    }
  }
}
