// Cuts a shard's documents into the contexts that a model sees. Pure and a function of token counts and settings alone, so
// that every worker, site and seed makes the same contexts.
//
// C = contextTokens, p = 1 with a prepended token else 0, U = C − p (document tokens per context).
// document:    each document by itself, U tokens at a time.
// concatenate: the stream d_0, s, d_1, s, … (s = prepended id, none where there is none; documents without tokens left out),
//              U places at a time; an s that would open a context is left out, since the context's own prepended token
//              stands there.
// A context is p + its tokens; it is kept where that makes 2 or more. Slots are places in contexts, tokens are numbered through
// the shard's documents; a prepended token or separator is a slot without a token.

/** In `slots`: the prepended id. In `contexts`: a token that no context holds (a tail of one token without prepended one). */
export const NONE = 0xffffffff;

export interface PackingOptions {
  /** C ≥ 2, the prepended token counted. */
  readonly contextTokens: number;
  readonly prepended: boolean;
  readonly packing: 'document' | 'concatenate';
}

export interface Packing {
  /** [contexts + 1]: slots of context k are starts[k] … starts[k + 1] − 1. */
  readonly starts: Uint32Array;
  /** [slots]: number of the token in each slot, or NONE. */
  readonly slots: Uint32Array;
  /** [tokens]: the context that holds each token, or NONE. */
  readonly contexts: Uint32Array;
}

/**
 * The contexts of a shard.
 * @param offsets [documents + 1]: tokens of document i are numbered offsets[i] … offsets[i + 1] − 1
 */
export function packContexts(offsets: Uint32Array, options: PackingOptions): Packing {
  const tokens = offsets.at(-1) ?? 0;
  const builder = new ContextBuilder(tokens, offsets.length, options);
  for (let d = 0; d + 1 < offsets.length; d++) {
    const from = offsets[d] as number;
    const to = offsets[d + 1] as number;
    if (to === from) continue;
    if (options.packing === 'document') builder.close();
    else if (options.prepended) builder.separate();
    for (let token = from; token < to; token++) builder.add(token);
  }
  return builder.finish();
}

class ContextBuilder {
  readonly #size: number;
  readonly #prepended: boolean;
  readonly #slots: Uint32Array;
  readonly #starts: number[] = [0];
  readonly #contexts: Uint32Array;
  #used = 0;

  constructor(tokens: number, documents: number, options: PackingOptions) {
    this.#size = options.contextTokens;
    this.#prepended = options.prepended;
    this.#contexts = new Uint32Array(tokens).fill(NONE);
    // Worst case: each token has a prepended one (C = 2) or each document a separator and a short tail.
    this.#slots = new Uint32Array(2 * tokens + 2 * documents);
  }

  get #length(): number {
    return this.#used - (this.#starts.at(-1) as number);
  }

  add(token: number): void {
    if (this.#length === this.#size) this.close();
    if (this.#length === 0 && this.#prepended) this.#slots[this.#used++] = NONE;
    this.#contexts[token] = this.#starts.length - 1;
    this.#slots[this.#used++] = token;
  }

  /** A prepended id between two documents, unless a context begins here anyway. */
  separate(): void {
    if (this.#length === this.#size) this.close();
    if (this.#length > 0) this.#slots[this.#used++] = NONE;
  }

  /** Ends the context in hand; drops it where it holds fewer than 2 slots. */
  close(): void {
    const start = this.#starts.at(-1) as number;
    if (this.#used - start >= 2) this.#starts.push(this.#used);
    else if (this.#used > start) {
      this.#contexts[this.#slots[start] as number] = NONE;
      this.#used = start;
    }
  }

  finish(): Packing {
    this.close();
    return {
      starts: Uint32Array.from(this.#starts),
      slots: this.#slots.slice(0, this.#used),
      contexts: this.#contexts,
    };
  }
}

/** Number of contexts. */
export function contextCount(packing: Packing): number {
  return packing.starts.length - 1;
}

/** Slots of context k. */
export function contextLength(packing: Packing, k: number): number {
  return (packing.starts[k + 1] as number) - (packing.starts[k] as number);
}

/** The context that holds token `pos` of document `document`, or NONE; `offsets` as for packContexts. */
export function contextOf(
  packing: Packing,
  offsets: Uint32Array,
  { document, pos }: { document: number; pos: number },
): number {
  return packing.contexts[(offsets[document] ?? NONE) + pos] ?? NONE;
}

/** With packing `document`: which of its document's contexts token `pos` lies in, without the shard's packing. */
export function contextInDocument(
  pos: number,
  { contextTokens, prepended }: Pick<PackingOptions, 'contextTokens' | 'prepended'>,
): number {
  return Math.floor(pos / (contextTokens - (prepended ? 1 : 0)));
}

/** A forward pass: contexts of one length. */
export interface ContextBatch {
  readonly length: number;
  /** Ascending. */
  readonly contexts: Uint32Array;
}

/** The forward passes of a shard: longest contexts first, in order, at most `batchTokens` slots each (one context at least). */
export function planBatches(packing: Packing, batchTokens: number): ContextBatch[] {
  const byLength = new Map<number, number[]>();
  for (let k = 0; k < contextCount(packing); k++) {
    const length = contextLength(packing, k);
    const same = byLength.get(length);
    if (same) same.push(k);
    else byLength.set(length, [k]);
  }
  const batches: ContextBatch[] = [];
  for (const [length, contexts] of [...byLength].sort(([a], [b]) => b - a)) {
    const most = Math.max(1, Math.floor(batchTokens / length));
    for (let from = 0; from < contexts.length; from += most) {
      batches.push({ length, contexts: Uint32Array.from(contexts.slice(from, from + most)) });
    }
  }
  return batches;
}

export interface RowPlan {
  /** [slots]: the row of each slot, counted through the shard's tokens, or NONE. */
  readonly rowOfSlot: Uint32Array;
  /** [rows]: the token of each row. */
  readonly tokenOfRow: Uint32Array;
}

/**
 * Which slots become stored rows: those with a token that is not left out, at positions within the context that are not dropped.
 * @param isLeftOut whether the token of a number gets no row wherever it stands; default none
 */
export function planRows(
  packing: Packing,
  dropPositions: readonly number[],
  isLeftOut: (token: number) => boolean = () => false,
): RowPlan {
  const dropped = new Set(dropPositions);
  const rowOfSlot = new Uint32Array(packing.slots.length).fill(NONE);
  const tokenOfRow = new Uint32Array(packing.slots.length);
  let rows = 0;
  for (let k = 0; k < contextCount(packing); k++) {
    const start = packing.starts[k] as number;
    const length = contextLength(packing, k);
    for (let i = 0; i < length; i++) {
      const token = packing.slots[start + i] as number;
      if (token === NONE || dropped.has(i) || isLeftOut(token)) continue;
      rowOfSlot[start + i] = rows;
      tokenOfRow[rows++] = token;
    }
  }
  return { rowOfSlot, tokenOfRow: tokenOfRow.slice(0, rows) };
}
