// Feature absorption (Chanin et al. 2024, arXiv 2409.14507; the thresholds are those of SAEBench): on rows of a class that the probe of all
// activations gets right, the features of the class are silent and one other feature does their work.
//
//   p the direction of that probe in raw units, a the activations of a row, f_i its features, W_i their decoder rows
//   projection of feature i   f_i (W_i · p);    of the row   (a − μ) · p
//   absorbed   main features silent; i = argmax of the projections; cos(W_i, p) ≥ 0.025; f_i (W_i · p) ≥ 0.4 of that of the row
//   rate = absorbed / rows of the class that the probe gets right
//
// Departure: SAEBench's probe is centred by its training prompts and takes a · p; here μ, the mean of the fitted rows, is subtracted, because
// the residual stream has a large mean that is no evidence of the class. Only for dictionaries that reconstruct what they read.
import type { ProbeRows } from './probe-rows.js';

const LEAST_COSINE = 0.025;
const LEAST_SHARE = 0.4;

export interface AbsorptionRequest {
  readonly rows: ProbeRows;
  /** Rows of the class that the probe gets right. */
  readonly right: readonly number[];
  /** The features that stand for the class. */
  readonly main: readonly number[];
  /** p [d] */
  readonly direction: Float64Array;
  /** μ [d] */
  readonly mean: Float64Array;
  /** Decoder row of a feature [d]. */
  readonly decoderRow: (feature: number) => Float32Array;
}

export interface Absorption {
  /** Rows that were looked at. */
  readonly n: number;
  readonly absorbed: number;
  /** Features that absorb, most often first. */
  readonly by: readonly { readonly feature: number; readonly n: number }[];
}

export function measureAbsorption({ rows, right, main, direction, mean, decoderRow }: AbsorptionRequest): Absorption {
  const { offsets, feature, value } = rows.firing;
  const norm = Math.hypot(...direction);
  const known = new Map<number, { readonly along: number; readonly cosine: number }>();
  const alongOf = (id: number): { readonly along: number; readonly cosine: number } => {
    const before = known.get(id);
    if (before) return before;
    const row = decoderRow(id);
    const along = row.reduce((sum, w, j) => sum + w * (direction[j] as number), 0);
    const found = { along, cosine: along / (Math.hypot(...row) * norm || 1) };
    known.set(id, found);
    return found;
  };
  const counts = new Map<number, number>();
  let absorbed = 0;
  for (const row of right) {
    const [from, to] = [offsets[row] as number, offsets[row + 1] as number];
    if (feature.subarray(from, to).some((id) => main.includes(id))) continue;
    let [best, most] = [-1, 0];
    for (let p = from; p < to; p++) {
      const projection = (value[p] as number) * alongOf(feature[p] as number).along;
      if (projection > most) [best, most] = [feature[p] as number, projection];
    }
    if (
      best < 0 ||
      alongOf(best).cosine < LEAST_COSINE ||
      most < LEAST_SHARE * projectionOf(rows, row, { direction, mean })
    )
      continue;
    absorbed++;
    counts.set(best, (counts.get(best) ?? 0) + 1);
  }
  const by = [...counts].map(([id, n]) => ({ feature: id, n })).sort((a, b) => b.n - a.n || a.feature - b.feature);
  return { n: right.length, absorbed, by };
}

function projectionOf(
  { act, width }: ProbeRows,
  row: number,
  { direction, mean }: Pick<AbsorptionRequest, 'direction' | 'mean'>,
): number {
  let sum = 0;
  for (let j = 0; j < width; j++)
    sum += ((act[row * width + j] as number) - (mean[j] as number)) * (direction[j] as number);
  return sum;
}
