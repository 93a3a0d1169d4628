// How many of the features that exact scores would choose a training finds by candidates in 8 bits, and when it stops trusting them.
// Counted on a few rows of some steps, which the step's number tells; the counters are part of the training's state.
//
//   recall = Σ |chosen ∩ exact| / Σ |exact|      exact: the k largest scores above 0 of a row, over all features
//   a window of 64 steps below 0.999: exact candidates from the step after it on, for the rest of the training
//
// Values of both sets come from the same sums in the same order (kernels/products.ts), so that rounding counts nowhere.
import { EXACT_BECAUSE, type ExactBecause } from '../schemas/dictionaries.js';
import type { Exchange } from './slice/exchange.js';

/** Steps after which it is decided whether to go on. */
export const WINDOW_STEPS = 64;
export const LEAST_RECALL = 0.999;

/** What is told of a training with candidates in 8 bits. */
export interface CandidateRecall {
  /** Over all steps that were measured; null before the first. */
  readonly recall: number | null;
  /** Features that exact scores choose, in the rows measured. */
  readonly measured: number;
  /** Of them those that candidates missed. */
  readonly missed: number;
  /** Steps done when it went on with exact candidates; null: it did not. */
  readonly exactFrom: number | null;
  /** recall: fell below 0.999 in a window; processor: its 8-bit products are not exact. */
  readonly because: ExactBecause | null;
}

/** Numbers of the state, in order. */
const [FOUND, WANTED, ALL_FOUND, ALL_WANTED, EXACT_FROM, BECAUSE] = [0, 1, 2, 3, 4, 5];

export class Recall {
  /** found and wanted of the window, found and wanted of all windows, the step of the change (−1: none), why. */
  readonly state = new BigInt64Array(6);

  constructor() {
    this.begin();
  }

  /** The state before the first step. */
  begin(): void {
    this.state.fill(0n);
    this.state[EXACT_FROM] = -1n;
  }

  /** Whether candidates are exact from now on. */
  get exact(): boolean {
    return this.#at(EXACT_FROM) >= 0;
  }

  /** Exact candidates from now on. @param done steps done */
  leave(done: number, because: ExactBecause): void {
    this.state[EXACT_FROM] = BigInt(done);
    this.state[BECAUSE] = BigInt(EXACT_BECAUSE.indexOf(because));
  }

  /** What one step found of what it should have. */
  note({ found, wanted }: Found): void {
    for (const at of [FOUND, ALL_FOUND]) this.state[at] = BigInt(this.#at(at) + found);
    for (const at of [WANTED, ALL_WANTED]) this.state[at] = BigInt(this.#at(at) + wanted);
  }

  /** Decides at the end of a window. @param done steps done */
  endStep(done: number): void {
    if (this.exact || done % WINDOW_STEPS !== 0) return;
    if (this.#at(FOUND) < LEAST_RECALL * this.#at(WANTED)) this.leave(done, 'recall');
    this.state[FOUND] = 0n;
    this.state[WANTED] = 0n;
  }

  get told(): CandidateRecall {
    const [found, wanted] = [this.#at(ALL_FOUND), this.#at(ALL_WANTED)];
    return {
      recall: wanted > 0 ? found / wanted : null,
      measured: wanted,
      missed: wanted - found,
      exactFrom: this.exact ? this.#at(EXACT_FROM) : null,
      because: this.exact ? (EXACT_BECAUSE[this.#at(BECAUSE)] ?? null) : null,
    };
  }

  #at(place: number): number {
    return Number(this.state[place]);
  }
}

/** Counts of one step. */
export interface Found {
  readonly found: number;
  readonly wanted: number;
}

/** What of an exchange is compared: what was proposed and which of it fires, and the largest exact scores of the measured rows. */
export type Compared = Pick<Exchange, 'keys' | 'filled' | 'least' | 'measuredKeys' | 'measuredFilled'>;

/** How many of the features that exact scores choose were chosen. @param rows the measured rows of the batch */
export function countFound(exchanges: readonly Compared[], rows: readonly number[], k: number): Found {
  let [found, wanted] = [0, 0];
  rows.forEach((row, i) => {
    const exact = exchanges
      .flatMap(({ measuredKeys, measuredFilled }) => own(measuredKeys, i * k, measuredFilled[i]))
      .sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
      .slice(0, k);
    const chosen = new Set(
      exchanges.flatMap(({ keys, filled, least }) =>
        own(keys, row * k, filled[row]).filter((key) => key >= (least[row] ?? 0n)),
      ),
    );
    wanted += exact.length;
    found += exact.filter((key) => chosen.has(key)).length;
  });
  return { found, wanted };
}

function own(keys: BigUint64Array, at: number, count = 0): bigint[] {
  return [...keys.subarray(at, at + count)];
}
