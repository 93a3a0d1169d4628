// What crosses between the slices of one dictionary and the step that joins them, for one slice. Threads of one process share the
// arrays; where slices lie on several machines these are the messages.
import { measuredRows } from './measured-rows.js';
import type { SliceSettings } from './settings.js';

export interface Exchange {
  /** x', what the dictionary reads, of all sites side by side [B, R]; to every slice. */
  readonly inputs: Float32Array;
  /** R. */
  readonly readWidth: number;
  /** Candidates of each row, k at most: value and feature as one number [B, k], and how many [B]; from the slice. */
  readonly keys: BigUint64Array;
  readonly filled: Uint32Array;
  /** The least key of each row that fires [B]; to the slice. */
  readonly least: BigUint64Array;
  /** As keys and filled: the largest exact scores of the rows on which candidates in 8 bits are measured; from the slice. */
  readonly measuredKeys: BigUint64Array;
  readonly measuredFilled: Uint32Array;
  /** Values of candidates of a choice over the batch; from the slice. `counts[0]`: how many; [1]: the ties that the slice may keep. */
  readonly values: Float32Array;
  readonly counts: Uint32Array;
  /** The least value that fires, of a choice over the batch [1]; to the slice. */
  readonly floor: Float32Array;
  /** As keys, filled and least, of dead features for AuxK. */
  readonly auxKeys: BigUint64Array;
  readonly auxFilled: Uint32Array;
  readonly auxLeast: BigUint64Array;
  /** W_decᵀ f of each reconstruction, then of AuxK [lines, W of the slice]; from the slice. */
  readonly partial: Float32Array;
  /** Gradients by them; to the slice. */
  readonly gradients: Float32Array;
  /** Σ_i ∂loss/∂z_i W_enc_i, which b_dec gets where the dictionary centres [R of the slice]; from the slice. */
  readonly through: Float32Array;
}

/** Arrays of a slice's exchange. @param shared in memory that threads share */
export function makeExchange(
  settings: SliceSettings,
  common: Pick<Exchange, 'inputs' | 'readWidth'>,
  shared: boolean,
): Exchange {
  const { batchRows: rows, k, kAux, rule, parts, slice, training, quantised } = settings;
  const room = (bytes: number): ArrayBuffer =>
    shared ? (new SharedArrayBuffer(bytes) as unknown as ArrayBuffer) : new ArrayBuffer(bytes);
  const floats = (n: number): Float32Array => new Float32Array(room(4 * n));
  const words = (n: number): Uint32Array => new Uint32Array(room(4 * n));
  const keys = (n: number): BigUint64Array => new BigUint64Array(room(8 * n));
  const byRow = rule.choice === 'rows' ? rows : 0;
  const aux = kAux > 0 ? rows : 0;
  const lines = parts.lines + aux;
  const measured = quantised ? measuredRows(rows) : 0;
  return {
    ...common,
    keys: keys(byRow * k),
    filled: words(byRow),
    least: keys(byRow),
    measuredKeys: keys(measured * k),
    measuredFilled: words(measured),
    values: floats(rule.choice === 'batch' ? 4 * rows * k : 0),
    counts: words(2),
    floor: floats(1),
    auxKeys: keys(aux * kAux),
    auxFilled: words(aux),
    auxLeast: keys(aux),
    partial: floats(lines * slice.writeStride),
    gradients: floats(training ? lines * slice.writeStride : 0),
    through: floats(training ? slice.readStride : 0),
  };
}

/** Bytes of a slice's exchange, besides the inputs that all slices share. */
export function bytesOfExchange(settings: SliceSettings): number {
  const { batchRows: rows, k, kAux, rule, parts, slice, training, quantised } = settings;
  const byRow = rule.choice === 'rows' ? rows : 0;
  const aux = kAux > 0 ? rows : 0;
  const partial = (parts.lines + aux) * slice.writeStride;
  const values = rule.choice === 'batch' ? 4 * rows * k : 0;
  const trained = training ? partial + slice.readStride : 0;
  const measured = quantised ? measuredRows(rows) : 0;
  const keys = byRow * (k + 1) + aux * (kAux + 1) + measured * k;
  return 8 * keys + 4 * (byRow + aux + measured + values + partial + trained + 3);
}

/** The first `to` keys of each row of `from`, rows end to end. */
export function copyKeys(
  source: BigUint64Array,
  target: BigUint64Array,
  { rows, from, to }: { readonly rows: number; readonly from: number; readonly to: number },
): void {
  for (let b = 0; b < rows; b++) target.set(source.subarray(b * from, b * from + to), b * to);
}
