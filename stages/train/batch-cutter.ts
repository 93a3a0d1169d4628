// Cuts super-buffers into one dictionary's batches: rows in shuffled order, a remainder carried into the next super-buffer,
// the epoch's last partial batch dropped. Feeds a trainer in chunks of steps whose length changes no byte.
import {
  cursorAt,
  nextSuperbuffer,
  type Cursor,
  type DataOrder,
  type SuperbufferId,
} from '../../core/order/data-order.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import type { StoredRows } from './row-file.js';
import type { Trainer } from './trainer.js';

/** A super-buffer in memory and the order in which its rows are used. */
export interface Superbuffer {
  readonly id: SuperbufferId;
  readonly stored: StoredRows;
  readonly permutation: Uint32Array;
}

/** Bytes of rows in one chunk at most. */
const CHUNK_BYTES = 64 * 2 ** 20;
/** Wall time aimed at for one chunk: how soon a stop is obeyed. */
const CHUNK_MS = 500;

export class BatchCutter {
  readonly trainer: Trainer;
  readonly #order: DataOrder;
  #needs: SuperbufferId;
  /** The next row of the needed super-buffer that this dictionary takes. */
  #row: number;
  #carried: Float32Array = new Float32Array(0);
  /** Starts small, follows the measured time per step. */
  #chunkSteps = 4;

  constructor(trainer: Trainer, order: DataOrder) {
    this.trainer = trainer;
    this.#order = order;
    const { epoch, index, row } = cursorAt(order, trainer.batchRows, trainer.step);
    this.#needs = { epoch, index };
    this.#row = row;
  }

  /** The super-buffer that the next rows come from. */
  get needs(): SuperbufferId {
    return this.#needs;
  }

  /** Where the next batch begins. */
  get cursor(): Cursor {
    return cursorAt(this.#order, this.trainer.batchRows, this.trainer.step);
  }

  /**
   * Trains on what `buffer` holds, until it is used up, the training ends or the calib split is due.
   * @param proceed asked after each chunk @returns false where `proceed` said to stop
   */
  async consume(buffer: Superbuffer, proceed: () => Promise<boolean>): Promise<boolean> {
    const { trainer } = this;
    for (;;) {
      if (trainer.complete || trainer.calibDue) return true;
      const count = Math.min(this.#chunkLimit(), trainer.stepsUntilPause, this.#wholeBatches(buffer));
      if (count === 0) {
        this.#moveOn(buffer);
        return true;
      }
      const rows = this.#assemble(buffer, count * trainer.batchRows);
      const started = performance.now();
      await trainer.train(rows, count);
      this.#chunkSteps = Math.max(1, Math.round((CHUNK_MS * count) / (performance.now() - started)));
      if (!(await proceed())) return false;
    }
  }

  #chunkLimit(): number {
    const { batchRows, width } = this.trainer;
    return Math.max(1, Math.min(this.#chunkSteps, Math.floor(CHUNK_BYTES / (batchRows * width * 4))));
  }

  #available(buffer: Superbuffer): number {
    return this.#carried.length / this.trainer.width + buffer.stored.rows - this.#row;
  }

  #wholeBatches(buffer: Superbuffer): number {
    return Math.floor(this.#available(buffer) / this.trainer.batchRows);
  }

  /** The next `count` rows: what was carried, then rows of the buffer. */
  #assemble(buffer: Superbuffer, count: number): Float32Array {
    const { width, scale } = this.trainer;
    const target = new Float32Array(count * width);
    target.set(this.#carried);
    const taken = count - this.#carried.length / width;
    const rows = buffer.permutation.subarray(this.#row, this.#row + taken);
    gatherRows(buffer.stored.act, target.subarray(this.#carried.length), { rows, width, scale });
    this.#row += taken;
    this.#carried = new Float32Array(0);
    return target;
  }

  /** Leaves a used-up buffer: carries its rest within the epoch, drops it at the epoch's end. */
  #moveOn(buffer: Superbuffer): void {
    const next = nextSuperbuffer(this.#order, this.#needs);
    this.#carried =
      next.epoch === this.#needs.epoch ? this.#assemble(buffer, this.#available(buffer)) : new Float32Array(0);
    this.#needs = next;
    this.#row = 0;
  }
}
