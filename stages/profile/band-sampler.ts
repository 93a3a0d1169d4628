// Draws examples from all bands of a feature's values, by smallest keyed hash. Pure; holds 40 examples, whatever the number of
// firings, and two samplers of one feature can be merged: the result depends on the set of firings alone.
//
//   max   the feature's greatest stored value over all splits (features.max)
//   band  of a value v > 0: the b in 0 … 9 with b · max / 10 < v ≤ (b + 1) · max / 10, computed as ⌈10 v / max⌉ − 1: v and max are
//         halves, so that a quotient that is no whole number is further from one than float64 rounds
//   draw  in each band, of every context the firing of the smallest hash, of these the 4 of the smallest; at most one per
//         context within a band (a context may stand in several bands); fewer where fewer contexts have firings in the band
//   hash  keyedHash('bands', [feature, doc, pos]) (core/tensor/keyed-hash.ts), of equals the smaller (doc, pos)
// Values at or below 0 lie in no band. Bands of equal width, as feature dashboards have them (Neuronpedia, SAE-vis), not of equal
// counts. Proof: tests/unit/stages/profile/bands.test.ts.
import { keyedHash } from '../../core/tensor/keyed-hash.js';

export const BANDS = 10;
export const PER_BAND = 4;

export interface BandExample {
  readonly band: number;
  readonly doc: number;
  readonly pos: number;
  /** A half. */
  readonly value: number;
  readonly context: number;
  readonly hash: number;
}

/** A firing of the feature in hand. */
export interface Firing {
  readonly doc: number;
  readonly pos: number;
  readonly context: number;
  /** A half, and its value. */
  readonly half: number;
  readonly value: number;
}

/** The band of a value; −1 where it lies in none. */
export function bandOf(value: number, max: number): number {
  return value > 0 && value <= max ? Math.ceil((BANDS * value) / max) - 1 : -1;
}

export class BandSampler {
  readonly #feature: number;
  readonly #max: number;
  readonly #kept: BandExample[][] = Array.from({ length: BANDS }, () => []);
  readonly #counts = new Float64Array(BANDS);

  constructor(feature: number, max: number) {
    this.#feature = feature;
    this.#max = max;
  }

  /** Takes a firing, in any order. */
  add({ doc, pos, context, half, value }: Firing): void {
    const band = bandOf(value, this.#max);
    if (band < 0) return;
    this.#counts[band] = (this.#counts[band] as number) + 1;
    const kept = this.#kept[band] as BandExample[];
    const hash = keyedHash('bands', [this.#feature, doc, pos]);
    const last = kept.at(-1);
    // Most firings end here: no example is made of them.
    if (kept.length === PER_BAND && last && hash > last.hash) return;
    insert(kept, { band, doc, pos, value: half, context, hash });
  }

  /** Takes what another sampler of the same feature and max has seen; their contexts bear the same numbers. */
  merge(other: BandSampler): void {
    other.#counts.forEach((count, band) => (this.#counts[band] = (this.#counts[band] as number) + count));
    for (const example of other.#kept.flat()) insert(this.#kept[example.band] as BandExample[], example);
  }

  /** Firings per band; empty where there were none. */
  get histogram(): readonly number[] {
    return this.#counts.some((count) => count > 0) ? [...this.#counts] : [];
  }

  /** By band ascending, then hash. */
  get examples(): readonly BandExample[] {
    return this.#kept.flat();
  }
}

/**
 * Keeps, of the examples so far, the PER_BAND of smallest hash with at most one per context. Exact: what is pushed out lies
 * behind PER_BAND examples of other contexts, and these can only give way to smaller ones.
 */
function insert(kept: BandExample[], example: BandExample): void {
  const same = kept.findIndex(({ context }) => context === example.context);
  if (same >= 0) {
    if (!isBefore(example, kept[same] as BandExample)) return;
    kept.splice(same, 1);
  }
  const at = kept.findIndex((other) => isBefore(example, other));
  kept.splice(at < 0 ? kept.length : at, 0, example);
  if (kept.length > PER_BAND) kept.pop();
}

function isBefore(a: BandExample, b: BandExample): boolean {
  return a.hash !== b.hash ? a.hash < b.hash : a.doc !== b.doc ? a.doc < b.doc : a.pos < b.pos;
}
