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
import { ChunkSteps } from '../training-chunks.js';
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
/** Steps of the first chunk. */
const FIRST_STEPS = 4;

export class BatchCutter {
  readonly trainer: Trainer;
  readonly #order: DataOrder;
  #needs: SuperbufferId;
  /** The next row of the needed super-buffer that this dictionary takes. */
  #row: number;
  /** Rows left of the super-buffer before, by site. */
  #carried: Rows;
  readonly #chunks = new ChunkSteps(FIRST_STEPS);

  constructor(trainer: Trainer, order: DataOrder) {
    this.trainer = trainer;
    this.#order = order;
    const { epoch, index, row } = cursorAt(order, trainer.batchRows, trainer.step);
    this.#needs = { epoch, index };
    this.#row = row;
    this.#carried = this.#none();
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
      await trainer.train(rows.sites, count);
      this.#chunks.measured({ steps: count, ms: performance.now() - started, aimMs: CHUNK_MS });
      if (!(await proceed())) return false;
    }
  }

  #chunkLimit(): number {
    const { batchRows, widths } = this.trainer;
    const rowBytes = 4 * widths.reduce((sum, width) => sum + width, 0);
    return Math.max(1, Math.min(this.#chunks.next, Math.floor(CHUNK_BYTES / (batchRows * rowBytes))));
  }

  #none(): Rows {
    return { count: 0, sites: this.trainer.widths.map(() => new Float32Array(0)) };
  }

  #available(buffer: Superbuffer): number {
    return this.#carried.count + buffer.stored.rows - this.#row;
  }

  #wholeBatches(buffer: Superbuffer): number {
    return Math.floor(this.#available(buffer) / this.trainer.batchRows);
  }

  /** The next `count` rows: what was carried, then rows of the buffer. */
  #assemble(buffer: Superbuffer, count: number): Rows {
    const { scales } = this.trainer;
    const carried = this.#carried;
    const taken = count - carried.count;
    const rows = buffer.permutation.subarray(this.#row, this.#row + taken);
    const sites = buffer.stored.sites.map(({ width, act }, site) => {
      const target = new Float32Array(count * width);
      target.set(carried.sites[site] as Float32Array);
      gatherRows(act, target.subarray(carried.count * width), { rows, width, scale: scales[site] as number });
      return target;
    });
    this.#row += taken;
    this.#carried = this.#none();
    return { count, sites };
  }

  /** Leaves a used-up buffer: carries its rest within the epoch, drops it at the epoch's end. */
  #moveOn(buffer: Superbuffer): void {
    const next = nextSuperbuffer(this.#order, this.#needs);
    this.#carried = next.epoch === this.#needs.epoch ? this.#assemble(buffer, this.#available(buffer)) : this.#none();
    this.#needs = next;
    this.#row = 0;
  }
}

/** Scaled rows of all sites. */
interface Rows {
  readonly count: number;
  /** [count, width] by site. */
  readonly sites: readonly Float32Array[];
}
