// The threshold of batchtopk and matryoshka at inference: the one θ at which k features fire per row of the calib split on average.
//
//   fires: z > θ        wanted: M = k N firings, N rows
//   θ = v_{M+1}, the (M+1)-th largest of all z > 0;  0 where fewer than M + 1 are above 0
// so that exactly M fire, or fewer where v_M = v_{M+1} (equal values fire together or not at all).
//
// Exact without holding all values: positive float32 values are ordered as their bits. A first pass over calib counts values by their
// upper 16 bits, a second those of the one bin that holds v_{M+1} by their lower 16. Counts are integers, so merging is exact and its
// order does not matter. Symbols: bits = 32-bit pattern of a value; bin = bits >> 16 (0 … 0x7f80).
// Source: ours; Bussmann et al. 2024 (arXiv 2412.06410) take a running mean instead. Proof: tests/unit/core/dictionaries/calib-threshold.test.ts.
import { DataError } from '../../schemas/errors.js';

const BINS = 2 ** 16;
const FIRST_INFINITE = 0x7f800000;

/** Which values a histogram counts: all by their upper bits, or those of one bin by their lower bits. */
export interface ThresholdHistogram {
  /** Null: upper bits. */
  readonly bin: number | null;
  readonly counts: Float64Array;
}

/** An empty histogram. @param bin of the first pass, for the second; null for the first */
export function emptyHistogram(bin: number | null): ThresholdHistogram {
  return { bin, counts: new Float64Array(BINS) };
}

/** Counts the values above 0; the others cannot fire. @throws DataError at NaN or infinity */
export function countValues({ bin, counts }: ThresholdHistogram, values: Float32Array): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = bits[i] as number;
    if (value >= FIRST_INFINITE && !((values[i] as number) < 0)) {
      // Negative zero and negative numbers have the sign bit; NaN and infinity are neither.
      if (values[i] === 0) continue;
      throw new DataError(`Expected finite values to set a threshold by, found ${values[i] ?? NaN}.`, { index: i });
    }
    if (!((values[i] as number) > 0)) continue;
    const upper = value >>> 16;
    if (bin === null) counts[upper] = (counts[upper] as number) + 1;
    else if (upper === bin) counts[value & 0xffff] = (counts[value & 0xffff] as number) + 1;
  }
}

/** The counts of all parts. @throws DataError where they are not of one pass */
export function mergeHistograms(parts: readonly ThresholdHistogram[]): ThresholdHistogram {
  const merged = emptyHistogram(parts[0]?.bin ?? null);
  for (const { bin, counts } of parts) {
    if (bin !== merged.bin)
      throw new DataError(`Expected histograms of one pass, found bins ${String(merged.bin)} and ${String(bin)}.`);
    counts.forEach((count, i) => (merged.counts[i] = (merged.counts[i] as number) + count));
  }
  return merged;
}

/** Where the value of some rank lies. */
export interface Rank {
  /** Bin of the second pass. */
  readonly bin: number;
  /** Values above that bin. */
  readonly above: number;
}

/** After the first pass: the bin of v_{M+1}; null where there are not that many values above 0, and θ is 0. @param firings M */
export function findBin(first: ThresholdHistogram, firings: number): Rank | null {
  return findRank(first.counts, firings);
}

/** After the second pass: θ = v_{M+1}. @param firings M @throws DataError where the passes are not of the same values */
export function thresholdOf(second: ThresholdHistogram, rank: Rank, firings: number): number {
  const found = second.bin === rank.bin ? findRank(second.counts, firings - rank.above) : null;
  if (found === null)
    throw new DataError(
      'Expected the second pass to count the values of the first, found others; measure calib anew.',
      {
        bin: rank.bin,
      },
    );
  return new Float32Array(Uint32Array.of((rank.bin << 16) | found.bin).buffer)[0] as number;
}

/** The place, from above, at which more than `rank` values were counted. */
function findRank(counts: Float64Array, rank: number): Rank | null {
  let above = 0;
  for (let bin = counts.length - 1; bin >= 0; bin--) {
    const count = counts[bin] as number;
    if (above + count > rank) return { bin, above };
    above += count;
  }
  return null;
}

/**
 * θ over values that can be gone through twice, in any number of pieces.
 * @param pieces all z of calib, given anew for each pass @param firings M = k N, rounded to a whole number
 */
export async function computeThreshold(
  pieces: () => AsyncIterable<Float32Array> | Iterable<Float32Array>,
  firings: number,
): Promise<number> {
  const first = emptyHistogram(null);
  for await (const values of pieces()) countValues(first, values);
  const rank = findBin(first, Math.round(firings));
  if (rank === null) return 0;
  const second = emptyHistogram(rank.bin);
  for await (const values of pieces()) countValues(second, values);
  return thresholdOf(second, rank, Math.round(firings));
}
