// How well each feature of a dictionary tells whether the true feature that it is matched with is active: counts over rows, and
// what follows from them.
//
//   TP_j  rows on which feature j fires (f > 0) and its true feature m(j) is active; FP_j it fires alone; FN_j the true one alone
//   precision = TP / (TP + FP)     recall = TP / (TP + FN)     F1 = 2 TP / (2 TP + FP + FN)     each 0 where it is 0 / 0
//   the numbers of a dictionary are means over all its features; one that never fires counts with 0
//
// Source: SAELens 6.54.12, sae_lens/synthetic/evals.py (`ClassificationMetricsCalculator`): m(j) is the direction most similar to
// decoder row j, whether or not others have it too. That is what the published F1 is. With the one-to-one assignment in its place
// two features cannot both be paid for one true feature; features without one count with 0.
// Test: tests/golden/truth/measures.test.ts.
import { DataError } from '../../../schemas/errors.js';

export interface FiringScores {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  /** F1 of each feature [F]. */
  readonly perFeature: Float64Array;
}

/** Feature ids of rows, row after row: row r has entries offsets[r] … offsets[r + 1] − 1. */
export interface RowSets {
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array | Int32Array;
}

/** Counts for one matching; any number of rows, in any order. */
export class FiringCounter {
  /** Rows that were added. */
  rows = 0;
  /** Rows on which each feature fires [F]. */
  readonly fires: Float64Array;
  readonly #match: Int32Array;
  readonly #both: Float64Array;
  readonly #active: Float64Array;
  /** The row on which each true feature was active last, counted from 1. */
  readonly #last: Float64Array;

  /** @param match the true feature of each feature [F], −1 for none @param directions n */
  constructor(match: Int32Array, directions: number) {
    this.#match = match;
    this.fires = new Float64Array(match.length);
    this.#both = new Float64Array(match.length);
    this.#active = new Float64Array(directions);
    this.#last = new Float64Array(directions);
  }

  /** Adds rows. @param fired features of the dictionary with f > 0 @param truth true features that are active */
  add(fired: RowSets, truth: RowSets): void {
    const rows = fired.offsets.length - 1;
    if (truth.offsets.length - 1 !== rows) {
      const text = `Expected what fires and what is true for the same rows, found ${rows} and ${truth.offsets.length - 1}.`;
      throw new DataError(text, { rows });
    }
    for (let row = 0; row < rows; row++) {
      this.rows++;
      for (let i = truth.offsets[row] as number; i < (truth.offsets[row + 1] as number); i++)
        this.#noteActive(truth.feature[i] as number);
      for (let i = fired.offsets[row] as number; i < (fired.offsets[row + 1] as number); i++)
        this.#noteFired(fired.feature[i] as number);
    }
  }

  scores(): FiringScores {
    const features = this.fires.length;
    const perFeature = new Float64Array(features);
    let [precision, recall] = [0, 0];
    for (let j = 0; j < features; j++) {
      const match = this.#match[j] as number;
      const [fires, both] = [this.fires[j] as number, this.#both[j] as number];
      const active = match < 0 ? 0 : (this.#active[match] as number);
      if (both === 0) continue;
      precision += both / fires;
      recall += both / active;
      perFeature[j] = (2 * both) / (fires + active);
    }
    const f1 = perFeature.reduce((sum, value) => sum + value, 0);
    return { f1: f1 / features, precision: precision / features, recall: recall / features, perFeature };
  }

  #noteActive(feature: number): void {
    this.#last[feature] = this.rows;
    this.#active[feature] = (this.#active[feature] as number) + 1;
  }

  #noteFired(feature: number): void {
    this.fires[feature] = (this.fires[feature] as number) + 1;
    const match = this.#match[feature] as number;
    if (match >= 0 && this.#last[match] === this.rows) this.#both[feature] = (this.#both[feature] as number) + 1;
  }
}
