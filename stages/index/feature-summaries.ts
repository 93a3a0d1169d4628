// What the index says of each feature, from its postings in order: n, density, max, mean, quantiles, most frequent tokens,
// strongest examples. Pure; one feature in hand at a time, in memory that does not grow with its postings.
//   density = n / stored rows;  mean = Σ value / n;  p_q = value of rank ⌈q·n⌉ in ascending order (nearest rank)
// All over firings and of the stored f16 values; proved against a brute-force scan in tests/unit/index-stage.
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { PostingBlock } from './posting-block.js';
import { StrongestExamples } from './strongest-examples.js';
import { keyOfHalf, keyToFloat } from './half-key.js';
import { TokenCounter } from './token-counter.js';

export interface SummaryOptions {
  /** Features covered: from … to − 1. */
  readonly from: number;
  readonly to: number;
  /** Slots of `top`. */
  readonly k: number;
  /** Stored rows of the dictionary, all splits: the denominator of density. */
  readonly storedRows: number;
}

interface Row {
  readonly feature: number;
  readonly n: number;
  readonly max: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

const KEYS = 65_536;
const TOP_TOKENS = 10;

export class FeatureSummaries {
  readonly #options: SummaryOptions;
  readonly #examples: StrongestExamples;
  readonly #tokens = new TokenCounter();
  /** Firings per value of the feature in hand, and the values that occurred. */
  readonly #histogram = new Uint32Array(KEYS);
  readonly #seen = new Uint16Array(KEYS);
  #seenCount = 0;
  #n = 0;
  /** The feature in hand; all below are closed. */
  #feature: number;
  #rows: Row[] = [];
  #topTokens: { readonly token: number; readonly n: number }[][] = [];

  constructor(options: SummaryOptions) {
    this.#options = options;
    this.#feature = options.from;
    this.#examples = new StrongestExamples(options.k);
  }

  /** Takes postings; blocks must come in (feature, doc, pos) order. */
  add(block: PostingBlock): void {
    const { feature, value, token } = block;
    for (let i = 0; i < feature.length; i++) {
      if (feature[i] !== this.#feature) this.closeBefore(feature[i] as number);
      const key = keyOfHalf(value[i] as number);
      const times = this.#histogram[key] as number;
      if (times === 0) this.#seen[this.#seenCount++] = key;
      this.#histogram[key] = times + 1;
      this.#n++;
      this.#tokens.add(token[i] as number);
      this.#examples.add(key, block, i);
    }
  }

  /** Ends every feature below `feature`; those without postings are silent. */
  closeBefore(feature: number): void {
    while (this.#feature < feature) {
      this.#rows.push(this.#closeRow());
      this.#topTokens.push(this.#tokens.take(TOP_TOKENS));
      this.#examples.close();
      this.#feature++;
    }
  }

  /** The rows of the features closed since the last call. */
  take(): { readonly features: TableColumns['features']; readonly top: TableColumns['top'] } {
    const rows = this.#rows;
    const features = {
      ...scalarColumns(rows, this.#options.storedRows),
      topTokens: tokenColumns(this.#topTokens),
    };
    const top = { feature: features.feature, examples: this.#examples.take() };
    this.#rows = [];
    this.#topTokens = [];
    return { features, top };
  }

  #closeRow(): Row {
    const n = this.#n;
    const keys = this.#seen.subarray(0, this.#seenCount).sort();
    let sum = 0;
    for (const key of keys) sum += keyToFloat(key) * (this.#histogram[key] as number);
    const last = keys.at(-1);
    const [p50, p90, p99] = this.#nearestRanks(keys, [0.5, 0.9, 0.99]) as [number, number, number];
    const row = {
      feature: this.#feature,
      n,
      max: last === undefined ? NaN : keyToFloat(last),
      mean: sum / n,
      p50,
      p90,
      p99,
    };
    for (const key of keys) this.#histogram[key] = 0;
    this.#seenCount = 0;
    this.#n = 0;
    return row;
  }

  /** Values of rank ⌈q·n⌉ for ascending q; NaN where the feature is silent. */
  #nearestRanks(keys: Uint16Array, quantiles: readonly number[]): number[] {
    const found: number[] = [];
    let below = 0;
    for (const key of keys) {
      below += this.#histogram[key] as number;
      while (found.length < quantiles.length && below >= Math.ceil((quantiles[found.length] as number) * this.#n))
        found.push(keyToFloat(key));
    }
    return found.length === quantiles.length ? found : quantiles.map(() => NaN);
  }
}

function scalarColumns(rows: readonly Row[], storedRows: number): Omit<TableColumns['features'], 'topTokens'> {
  const floats = (of: (row: Row) => number): Float32Array => Float32Array.from(rows, of);
  return {
    feature: Uint32Array.from(rows, (row) => row.feature),
    n: Float64Array.from(rows, (row) => row.n),
    density: Float64Array.from(rows, (row) => (row.n === 0 ? 0 : row.n / storedRows)),
    max: floats((row) => row.max),
    mean: floats((row) => row.mean),
    p50: floats((row) => row.p50),
    p90: floats((row) => row.p90),
    p99: floats((row) => row.p99),
    silent: Uint8Array.from(rows, (row) => (row.n === 0 ? 1 : 0)),
  };
}

function tokenColumns(
  lists: readonly (readonly { readonly token: number; readonly n: number }[])[],
): TableColumns['features']['topTokens'] {
  const offsets = new Uint32Array(lists.length + 1);
  lists.forEach((list, i) => (offsets[i + 1] = (offsets[i] as number) + list.length));
  const all = lists.flat();
  return {
    offsets,
    token: Uint32Array.from(all, (t) => t.token),
    n: Float64Array.from(all, (t) => t.n),
  };
}
