// Parameters before the first step, as the kind states them, keyed by the dictionary's own seed and nothing else.
import { KeyedRandom } from '../tensor/random.js';
import type { KindSettings, Start } from './architecture.js';
import type { DictionarySites } from './sites.js';
import { type DictionaryShape, parametersOf } from './state.js';

/** Parameters by tensor name. @param means x̄ of the scaled fit rows of every site of `sites.widths` */
export function initialParameters(
  shape: DictionaryShape & { readonly settings?: KindSettings },
  seed: number,
  means: readonly Float64Array[],
): Map<string, Float32Array> {
  const { reads, writes }: DictionarySites = shape.sites;
  const at = (places: readonly number[]): Float64Array[] => places.map((place) => means[place] as Float64Array);
  const drawn = new Map<number, Float32Array>();
  const start: Start = {
    directions: (width) => {
      const rows = drawn.get(width) ?? randomDirections(shape.features, width, seed);
      drawn.set(width, rows);
      return rows;
    },
    settings: shape.settings ?? {},
    readMeans: at(reads),
    writeMeans: at(writes),
  };
  return new Map(parametersOf(shape).map(({ name, initial }) => [name, initial(start)]));
}

/** Rows in random directions of unit norm [features, width]. */
function randomDirections(features: number, width: number, seed: number): Float32Array {
  const random = new KeyedRandom('sae', 'initial', seed);
  const rows = new Float32Array(features * width);
  const row = new Float64Array(width);
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < width; j++) row[j] = random.nextNormal();
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let j = 0; j < width; j++) rows[i * width + j] = (row[j] as number) / norm;
  }
  return rows;
}
