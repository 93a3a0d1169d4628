// Feature absorption: where the features of a class are silent on a row of the class and another feature, for something more special, has
// taken over their part of it. Pure.
//
//   u      direction of the probe on raw activations, ‖u‖ = 1            p_i = f_i (W_dec,i · u)        cos_i = cos(W_dec,i, u)
//   M      the features of the class (splitting.ts)                     a = x·u
//   full   all of M are silent, a ≥ 0, and the feature of largest p_i has cos_i ≥ 0.025 and p_i ≥ 0.4 a
//   part   A = sum of the three largest p_i > 0 with cos_i ≥ 0.1 outside of M, m = Σ_M p_i:
//            0 where m ≥ a or A < 0.4 a;   1 where m ≤ 0;   else min(A, a − m) / (min(A, a − m) + m)
//   over the test rows of the class that the raw probe finds
//
// Source: Chanin et al. (2024, arXiv 2409.14507, section 5, full), SAEBench's feature_absorption_calculator (fraction; thresholds). Departures:
// p_i uses the decoder row as it is (theirs: its cosine, the same for rows of length 1); where a ≤ 0 the part is 0 (theirs divides by it).
// Proof: tests/unit/core/dictionaries/probes.test.ts, organisms with a planted rate.
import type { SparseRows } from './inputs.js';
import type { ClassProbes, ProbeRows } from './probe-class.js';
import type { Probe } from './probe.js';

const FULL_COSINE = 0.025;
const PART_COSINE = 0.1;
const SHARE = 0.4;
const MOST_ABSORBERS = 3;

/** Decoder rows against the direction of a class. */
export interface Alignment {
  /** [features], W_dec,i · u */
  readonly dots: Float64Array;
  /** [features] */
  readonly cosines: Float64Array;
}

export interface Absorbed {
  /** In 0 … 1. */
  readonly part: number;
  /** The feature that has taken over whole; null: none. */
  readonly by: number | null;
}

export interface AbsorptionCase {
  readonly rows: SparseRows;
  readonly alignment: Alignment;
  /** M */
  readonly main: ReadonlySet<number>;
}

/** u: the direction of a probe on all activations. */
export function unitDirection({ weights }: Probe): Float64Array {
  const length = Math.sqrt(weights.reduce((sum, value) => sum + value ** 2, 0));
  return length === 0 ? weights : weights.map((value) => value / length);
}

/** Enters one feature. @param of.row W_dec,i */
export function alignFeature(
  { dots, cosines }: Alignment,
  {
    feature,
    row,
    direction,
  }: { readonly feature: number; readonly row: Float32Array; readonly direction: Float64Array },
): void {
  let [dot, square] = [0, 0];
  for (let j = 0; j < row.length; j++) {
    dot += (row[j] as number) * (direction[j] as number);
    square += (row[j] as number) ** 2;
  }
  dots[feature] = dot;
  cosines[feature] = square === 0 ? 0 : dot / Math.sqrt(square);
}

/** By test row; null where the raw probe does not find a row of the class. @param alignment of features that fire on these rows */
export function absorbClass(
  { test, raw, splitting }: ClassProbes,
  alignment: Alignment,
  { act, acts }: Pick<ProbeRows, 'act' | 'acts'>,
): (Absorbed | null)[] {
  const direction = unitDirection(raw.probe);
  const width = direction.length;
  const of = { rows: acts, alignment, main: new Set(splitting.features) };
  return Array.from(test.rows, (row, i) => {
    if (test.y[i] !== 1 || !((raw.scores[i] as number) > 0)) return null;
    let projection = 0;
    for (let j = 0; j < width; j++) projection += (act[row * width + j] as number) * (direction[j] as number);
    return absorbedOf(of, row, projection);
  });
}

/** @param projection a = x·u of the row */
export function absorbedOf({ rows, alignment, main }: AbsorptionCase, row: number, projection: number): Absorbed {
  if (!(projection > 0)) return { part: 0, by: null };
  let [mainSum, isSilent] = [0, true];
  let top = { feature: -1, value: 0 };
  const others: number[] = [];
  for (let at = rows.offsets[row] as number; at < (rows.offsets[row + 1] as number); at++) {
    const feature = rows.feature[at] as number;
    const value = (rows.value[at] as number) * (alignment.dots[feature] as number);
    if (value > top.value) top = { feature, value };
    if (main.has(feature)) [mainSum, isSilent] = [mainSum + value, false];
    else if (value > 0 && (alignment.cosines[feature] as number) >= PART_COSINE) others.push(value);
  }
  const aligned = (alignment.cosines[top.feature] ?? 0) >= FULL_COSINE;
  const isFull = isSilent && aligned && top.value >= SHARE * projection;
  return { part: partOf(others, mainSum, projection), by: isFull ? top.feature : null };
}

function partOf(others: number[], main: number, projection: number): number {
  const largest = others.sort((a, b) => b - a).slice(0, MOST_ABSORBERS);
  const absorbing = largest.reduce((sum, value) => sum + value, 0);
  if (main >= projection || absorbing < SHARE * projection) return 0;
  if (main <= 0) return 1;
  const taken = Math.min(absorbing, projection - main);
  return taken / (taken + main);
}
