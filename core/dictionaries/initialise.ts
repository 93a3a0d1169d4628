// Parameters before the first step, as the kind states them, keyed by the dictionary's own seed and nothing else. Rows are drawn in
// blocks of their own, so that any of them can be made apart: a wide dictionary is never whole in memory for it.
import { KeyedRandom } from '../tensor/random.js';
import type { KindSettings, RowRange, Start } from './architecture.js';
import type { DictionarySites } from './sites.js';
import { type DictionaryShape, parametersOf } from './state.js';

/** Features whose directions come from one stream of random numbers. */
const BLOCK_ROWS = 256;

export interface StartSettings {
  readonly sites: DictionarySites;
  readonly settings: KindSettings;
  readonly seed: number;
  /** x̄ of the scaled fit rows of every site of `sites.widths`. */
  readonly means: readonly Float64Array[];
  /** Of a frozen expert: its first feature in the routed dictionary, so that all experts together begin as one; default 0. */
  readonly firstFeature?: number;
}

/** What rows of parameters are made from (`Parameter.initial`). */
export function startOf({ sites, settings, seed, means, firstFeature = 0 }: StartSettings): Start {
  const at = (places: readonly number[]): Float64Array[] => places.map((place) => means[place] as Float64Array);
  return {
    directions: remembered((width, { from, count }) =>
      randomDirections(width, { from: firstFeature + from, count }, seed),
    ),
    settings,
    readMeans: at(sites.reads),
    writeMeans: at(sites.writes),
  };
}

/** Encoders and decoders of equal widths begin from the same rows: those that were drawn last are not drawn anew. */
function remembered(draw: Start['directions']): Start['directions'] {
  let last: { readonly width: number; readonly rows: RowRange; readonly values: Float32Array } | null = null;
  return (width, rows) => {
    if (last?.width !== width || last.rows.from !== rows.from || last.rows.count !== rows.count)
      last = { width, rows, values: draw(width, rows) };
    return last.values;
  };
}

/** All parameters by tensor name. @param means x̄ of the scaled fit rows of every site of `sites.widths` */
export function initialParameters(
  shape: DictionaryShape & { readonly settings?: KindSettings },
  seed: number,
  means: readonly Float64Array[],
): Map<string, Float32Array> {
  return parametersFrom(shape, startOf({ sites: shape.sites, settings: shape.settings ?? {}, seed, means }));
}

/** All parameters by tensor name. */
export function parametersFrom(shape: DictionaryShape, start: Start): Map<string, Float32Array> {
  return new Map(
    parametersOf(shape).map(({ name, shape: axes, initial }) => [
      name,
      initial(start, { from: 0, count: axes[0] ?? 1 }),
    ]),
  );
}

/** Rows in random directions of unit norm [count, width]. */
function randomDirections(width: number, { from, count }: RowRange, seed: number): Float32Array {
  const rows = new Float32Array(count * width);
  const row = new Float64Array(width);
  const end = from + count;
  for (let block = Math.floor(from / BLOCK_ROWS); block * BLOCK_ROWS < end; block++) {
    const random = new KeyedRandom('sae', 'initial', seed, block);
    const last = Math.min(end, (block + 1) * BLOCK_ROWS);
    for (let i = block * BLOCK_ROWS; i < last; i++) {
      for (let j = 0; j < width; j++) row[j] = random.nextNormal();
      if (i < from) continue;
      const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
      for (let j = 0; j < width; j++) rows[(i - from) * width + j] = (row[j] as number) / norm;
    }
  }
  return rows;
}
