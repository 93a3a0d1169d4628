// In how many slices a dictionary is applied: as few as WebAssembly's memories allow, a function of its sizes alone.
import { readWidths, writeWidths } from '../core/dictionaries/sites.js';
import { strideOf } from '../core/dictionaries/slices.js';
import type { DictionaryShape } from '../core/dictionaries/state.js';

/** Bytes of weights in one slice at most: a memory has 4 GiB, and a batch needs some. */
const SLICE_BYTES = 3 * 2 ** 30;

/** Slices (of a cross-layer dictionary: of each layer) in which stored weights fit. */
export function slicesToApply({ sites, features }: DictionaryShape): number {
  const sum = (widths: readonly number[]): number => widths.reduce((n, width) => n + strideOf(width), 0);
  const row = 4 * (sum(readWidths(sites)) + sum(writeWidths(sites)));
  const own = sites.crossLayer ? features / sites.reads.length : features;
  let slices = 1;
  while ((own / slices) * row > SLICE_BYTES) slices *= 2;
  return slices;
}
