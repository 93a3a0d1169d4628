// How a step speaks to its slices: in the same thread here, by messages where slices have threads of their own (threads.ts).
import type { LargestScores } from './largest.js';
import type { AdamNumbers } from './moves.js';
import type { Exchange } from './exchange.js';
import type { SliceSettings } from './settings.js';
import type { Firing, Reconstructed } from './firing.js';
import { Slice } from './slice.js';
import type { TensorRows } from './tensors.js';
import { readRows, writeRows } from './tensors.js';
import type { Products } from '../products.js';

/** Each method is one phase of a step; arrays travel by the exchange. */
export interface SliceLink {
  readonly settings: SliceSettings;
  readonly exchange: Exchange;
  /** See Slice.choose. @returns features dead before this step */
  choose(deadBefore: number | null, quantised?: boolean, measured?: readonly number[] | null): Promise<number>;
  reconstruct(): Promise<Reconstructed>;
  /** Values of the candidates of the first rows, of a choice over the batch, after `choose`. */
  scoresOfRows(count: number): Promise<LargestScores>;
  /** All of them above `from`, after `choose`. */
  scoresAbove(from: number, count: number): Promise<Float32Array[]>;
  /** Candidates as in inference. */
  propose(): Promise<void>;
  /** What fires in inference; its reconstruction goes into the exchange. */
  infer(): Promise<Firing>;
  /** @returns Σ of squared gradients where they are clipped, else 0 */
  derive(step: number, slope: number): Promise<number>;
  /** @returns Σ of squared gradients before clipping */
  update(numbers: AdamNumbers): Promise<number>;
  /** Rows of a tensor of the state. */
  read(rows: Omit<TensorRows, 'data'>): Promise<TensorRows['data']>;
  write(rows: TensorRows): Promise<void>;
}

/** A slice of this thread. */
export class InlineSlice implements SliceLink {
  readonly settings: SliceSettings;
  readonly exchange: Exchange;
  readonly slice: Slice;

  constructor(settings: SliceSettings, exchange: Exchange, products: Products) {
    this.settings = settings;
    this.exchange = exchange;
    this.slice = new Slice(settings, exchange, products);
  }

  async choose(deadBefore: number | null, quantised?: boolean, measured?: readonly number[] | null): Promise<number> {
    await this.slice.choose(deadBefore, quantised, measured);
    return this.slice.dead;
  }

  reconstruct(): Promise<Reconstructed> {
    return this.slice.reconstruct();
  }

  scoresOfRows(count: number): Promise<LargestScores> {
    return Promise.resolve(this.slice.scoresOfRows(count));
  }

  scoresAbove(from: number, count: number): Promise<Float32Array[]> {
    return this.slice.scoresAbove(from, count);
  }

  propose(): Promise<void> {
    return this.slice.propose();
  }

  infer(): Promise<Firing> {
    return this.slice.infer();
  }

  derive(step: number, slope: number): Promise<number> {
    return this.slice.derive(step, slope);
  }

  update(numbers: AdamNumbers): Promise<number> {
    return Promise.resolve(this.slice.update(numbers));
  }

  read(rows: Omit<TensorRows, 'data'>): Promise<TensorRows['data']> {
    return Promise.resolve(readRows(this.slice, rows));
  }

  write(rows: TensorRows): Promise<void> {
    writeRows(this.slice, rows);
    this.slice.noteWritten(rows.tensor);
    return Promise.resolve();
  }
}
