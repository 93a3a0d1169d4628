// One site of one shard: takes a pass's outputs, converts and checks each row, and at the end writes the table in stored order
// with the site's sums. Statistics are of the values as stored, in stored order, in float64.
//
// rows n; sumX = Σ x [d]; sumSq = Σ ‖x‖²; from these come mean, V and the input scale of a training.
import path from 'node:path';
import { NONE, type ContextBatch } from '../../core/corpus/packing.js';
import { floatsToHalfs, halfsToFloats, halfToFloat } from '../../core/tensor/half.js';
import type { TensorValue } from '../../runtime/session.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { ChildOutput } from '../stage.js';
import { openRowStore, type RowStore, type RowStoreOptions } from './row-store.js';
import type { ShardRows } from './shard-rows.js';

export interface SiteWriterOptions extends RowStoreOptions {
  readonly site: string;
  readonly key: string;
  readonly shard: string;
  readonly modelReference: string;
  readonly spool: string;
  /** Used in file names: the site's place among the wanted ones. */
  readonly ordinal: number;
  readonly memoryBytes: number;
}

/** Rows that are read back, summed and written at a time. */
const BLOCK_ROWS = 4096;
/** Exponent bits of a half: all set in infinities and NaN. */
const HALF_EXPONENT = 0x7c00;

export class SiteWriter {
  readonly #options: SiteWriterOptions;
  readonly #shard: ShardRows;
  readonly #store: RowStore;

  constructor(shard: ShardRows, options: SiteWriterOptions) {
    this.#options = options;
    this.#shard = shard;
    const scratch = path.join(options.spool, `rows-${options.ordinal}.tmp`);
    this.#store = openRowStore(options, { scratch, memoryBytes: options.memoryBytes });
  }

  /**
   * Takes the rows of one pass; `value` is [contexts, length, width] (or the same with the first two axes joined, or with the last one by heads).
   * @throws DataError with site, document and position for NaN, infinity, or beyond ±65,504 at float16
   */
  take(batch: ContextBatch, value: TensorValue): void {
    const values = floatsOf(value, this.#options, batch.contexts.length * batch.length);
    const { rowOfSlot, place, packing } = this.#shard;
    const { width } = this.#options;
    batch.contexts.forEach((k, b) => {
      const start = packing.starts[k] as number;
      for (let i = 0; i < batch.length; i++) {
        const row = rowOfSlot[start + i] as number;
        if (row === NONE) continue;
        const from = (b * batch.length + i) * width;
        this.#put(place[row] as number, values.subarray(from, from + width));
      }
    });
  }

  #put(row: number, source: Float32Array): void {
    const target = this.#store.slot(row);
    if (target instanceof Uint16Array) {
      floatsToHalfs(source, target);
      for (const half of target) {
        if ((half & HALF_EXPONENT) === HALF_EXPONENT) throw this.#notFinite(row, source);
      }
    } else {
      target.set(source);
      for (const x of source) if (!Number.isFinite(x)) throw this.#notFinite(row, source);
    }
    this.#store.commit(row);
  }

  /** Writes the table. The store is closed in any case. */
  async finish(): Promise<ChildOutput> {
    const { site, key, shard, modelReference, spool, ordinal, width, dtype, rows } = this.#options;
    const writer = await TableWriter.open({
      table: 'activations',
      path: path.join(spool, `activations-${ordinal}.arrow`),
      shard,
      metadata: { key, site, model: modelReference, units: 'raw activation units' },
      width,
      dtype,
    });
    const sums = new Moments(width);
    try {
      for (let from = 0; from < rows; from += BLOCK_ROWS) {
        const to = Math.min(rows, from + BLOCK_ROWS);
        const act = this.#store.block(from, to);
        sums.add(act);
        const { doc, pos } = this.#shard;
        await writer.write({ doc: doc.subarray(from, to), pos: pos.subarray(from, to), act });
      }
      return { files: await writer.finish(), statistics: this.#statistics(sums) };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  close(): void {
    this.#store.close();
  }

  #statistics(sums: Moments): Record<string, unknown> {
    const sumX = Buffer.from(sums.sumX.buffer).toString('base64');
    const tokens = this.#shard.ids.length;
    return { rows: this.#options.rows, tokens, sumX, sumSq: sums.sumSq };
  }

  #notFinite(row: number, source: Float32Array): DataError {
    const { site, shard, dtype } = this.#options;
    const at = source.findIndex((x) => !Number.isFinite(Math.abs(dtype === 'float16' ? halfToFloat(halfOf(x)) : x)));
    const value = source[at] ?? NaN;
    const document = this.#shard.doc[row] ?? 0;
    const position = this.#shard.pos[row] ?? 0;
    const where = `site ${site}, document ${document}, position ${position}, component ${at} (shard ${shard})`;
    const text = Number.isFinite(value)
      ? `Expected activations within ±65504 (float16), found ${value} at ${where}. Set activations.dtype: float32.`
      : `Expected finite activations, found ${value} at ${where}. Check the model on this text with \`assay model run\`.`;
    return new DataError(text, {
      site,
      document,
      position,
      component: at,
      value: String(value),
      shard,
    });
  }
}

const oneFloat = new Float32Array(1);

function halfOf(x: number): number {
  oneFloat[0] = x;
  return floatsToHalfs(oneFloat)[0] ?? 0;
}

/** Σ x and Σ ‖x‖² in float64. */
class Moments {
  readonly sumX: Float64Array;
  sumSq = 0;
  #floats = new Float32Array(0);

  constructor(width: number) {
    this.sumX = new Float64Array(width);
  }

  add(rows: Uint16Array | Float32Array): void {
    if (rows instanceof Float32Array) this.#sum(rows);
    else {
      if (this.#floats.length < rows.length) this.#floats = new Float32Array(rows.length);
      this.#sum(halfsToFloats(rows, this.#floats.subarray(0, rows.length)));
    }
  }

  #sum(values: Float32Array): void {
    const { sumX } = this;
    const width = sumX.length;
    let sumSq = 0;
    for (let from = 0; from < values.length; from += width) {
      for (let j = 0; j < width; j++) {
        const x = values[from + j] as number;
        sumX[j] = (sumX[j] as number) + x;
        sumSq += x * x;
      }
    }
    this.sumSq += sumSq;
  }
}

/** The pass's values as float32. @throws InputError where the model's output has another shape or type than its site */
function floatsOf(value: TensorValue, { site, width }: SiteWriterOptions, slots: number): Float32Array {
  const { data, dims, dtype } = value;
  const isFloat = data instanceof Float32Array || data instanceof Uint16Array;
  if (!isFloat || !endsIn(dims, width) || data.length !== slots * width) {
    throw new InputError(
      `Expected site ${site} as float32 or float16 with ${slots} × ${width} values, the model gave ${dtype} [${dims.join(', ')}].`,
      { site, dtype, dims },
    );
  }
  return data instanceof Float32Array ? data : halfsToFloats(data);
}

/** Whether the last axes hold `width` numbers together: one vector, or the vectors of all heads. */
function endsIn(dims: readonly number[], width: number): boolean {
  let held = 1;
  for (let i = dims.length - 1; i > 0 && held < width; i--) held *= dims[i] ?? 1;
  return held === width;
}
