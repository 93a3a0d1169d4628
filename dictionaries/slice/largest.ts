// The n-th largest of positive float32 values, exactly, by two passes over the halves of their bits.

/** The largest scores of a batch. */
export interface LargestScores {
  readonly values: Float32Array;
  /** Scores up to here may be missing; 0: none is. */
  readonly limit: number;
}

/** The n-th largest, n from 1; the least where there are fewer. Values above 0. */
export function largestValue(values: Float32Array, n: number): number {
  if (values.length === 0) return 0;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const high = new Uint32Array(65_536);
  for (const word of bits) high[word >>> 16] = (high[word >>> 16] as number) + 1;
  const upper = placeOf(high, Math.min(n, values.length));
  const low = new Uint32Array(65_536);
  for (const word of bits) if (word >>> 16 === upper.bin) low[word & 0xffff] = (low[word & 0xffff] as number) + 1;
  const lower = placeOf(low, upper.left);
  return floatOf(((upper.bin << 16) | lower.bin) >>> 0);
}

/** The bin, from the top, in which the n-th lies, and its number within. */
function placeOf(counts: Uint32Array, n: number): { readonly bin: number; readonly left: number } {
  let left = n;
  for (let bin = counts.length - 1; ; bin--) {
    const own = counts[bin] as number;
    if (left <= own || bin === 0) return { bin, left };
    left -= own;
  }
}

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

function floatOf(bits: number): number {
  word[0] = bits;
  return float[0] as number;
}

/** The next float32 below a positive one: what is above it is at least the value. */
export function below(value: number): number {
  float[0] = value;
  word[0] = (word[0] as number) - 1;
  return float[0];
}
