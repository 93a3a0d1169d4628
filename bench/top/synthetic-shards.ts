// Draws shards of an encoded dictionary from a seed, in the proportions of real ones: a few features fire on a tenth of the
// tokens, the median one a few hundred times in 10^8 firings. Sorted runs, acts, tokens and documents agree with each other.
import { feistelPermutation } from '../../core/tensor/feistel.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import type { TableColumns } from '../../storage/tables/layouts.js';

export interface SyntheticShape {
  readonly postings: number;
  readonly shards: number;
  readonly features: number;
}

export interface SyntheticShard {
  readonly run: TableColumns['postings'];
  readonly acts: TableColumns['acts'];
  readonly tokens: TableColumns['tokens'];
  readonly documents: TableColumns['documents'];
}

const FIRINGS_PER_TOKEN = 32;
export const DOCUMENT_TOKENS = 128;
const VOCABULARY = 50_000;
/** Zipf and Mandelbrot: the feature of rank r fires in proportion to 1 / (r + SHIFT)^EXPONENT. */
const SHIFT = 20;
const EXPONENT = 1.1;
const MOST_OF_TOKENS = 0.5;
/** Halves of 0.5 and of 16: values are drawn between. */
const LEAST_HALF = 0x3800;
const HALF_SPAN = 0x4c00 - LEAST_HALF;

/** Expected firings per feature and shard [features], ranks scattered over the feature numbers. */
export function expectedFirings({ postings, shards, features }: SyntheticShape): Float64Array {
  const rankOf = feistelPermutation(features, 'bench-top');
  const weights = Float64Array.from({ length: features }, (_, f) => (rankOf(f) + SHIFT) ** -EXPONENT);
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => (weight / total) * (postings / shards));
}

/** Tokens of one shard: whole documents. */
export function shardTokens({ postings, shards }: SyntheticShape): number {
  return Math.ceil(postings / shards / FIRINGS_PER_TOKEN / DOCUMENT_TOKENS) * DOCUMENT_TOKENS;
}

/** Shard number `index`. @param expected see `expectedFirings` */
export function drawShard(shape: SyntheticShape, index: number, expected: Float64Array): SyntheticShard {
  const random = new KeyedRandom('bench-top', index);
  const tokens = shardTokens(shape);
  const firstDoc = (index * tokens) / DOCUMENT_TOKENS;
  const counts = Uint32Array.from(expected, (mean) =>
    Math.min(Math.floor(mean + random.nextFloat()), Math.floor(tokens * MOST_OF_TOKENS)),
  );
  const rows = counts.reduce((a, b) => a + b, 0);
  const run = {
    feature: new Uint32Array(rows),
    doc: new Uint32Array(rows),
    pos: new Uint32Array(rows),
    value: new Uint16Array(rows),
  };
  const place = new Uint32Array(rows);
  let row = 0;
  for (let feature = 0; feature < counts.length; feature++) {
    const count = counts[feature] as number;
    // One place in each of `count` equal stretches: distinct and ascending.
    for (let i = 0; i < count; i++, row++) {
      const from = Math.floor((i * tokens) / count);
      const token = from + random.nextInt(Math.floor(((i + 1) * tokens) / count) - from);
      place[row] = token;
      run.feature[row] = feature;
      run.doc[row] = firstDoc + Math.floor(token / DOCUMENT_TOKENS);
      run.pos[row] = token % DOCUMENT_TOKENS;
      run.value[row] = LEAST_HALF + random.nextInt(HALF_SPAN);
    }
  }
  return {
    run,
    acts: invert(run, place, { tokens, firstDoc }),
    ...drawText(random, tokens, firstDoc),
  };
}

/** The same firings token by token; runs ascend by feature, so a counting sort by place keeps features in order. */
function invert(
  run: TableColumns['postings'],
  place: Uint32Array,
  at: { readonly tokens: number; readonly firstDoc: number },
): TableColumns['acts'] {
  const offsets = new Uint32Array(at.tokens + 1);
  for (const token of place) offsets[token + 1] = (offsets[token + 1] as number) + 1;
  for (let t = 0; t < at.tokens; t++) offsets[t + 1] = (offsets[t + 1] as number) + (offsets[t] as number);
  const next = offsets.slice(0, at.tokens);
  const feature = new Uint32Array(place.length);
  const value = new Uint16Array(place.length);
  for (let row = 0; row < place.length; row++) {
    const token = place[row] as number;
    const to = next[token] as number;
    next[token] = to + 1;
    feature[to] = run.feature[row] as number;
    value[to] = run.value[row] as number;
  }
  return {
    doc: Uint32Array.from({ length: at.tokens }, (_, t) => at.firstDoc + Math.floor(t / DOCUMENT_TOKENS)),
    pos: Uint32Array.from({ length: at.tokens }, (_, t) => t % DOCUMENT_TOKENS),
    features: { offsets, feature, value },
    xSq: new Float32Array(at.tokens).fill(1),
    errSq: new Float32Array(at.tokens),
  };
}

const WORDS = ['the ', 'king ', 'sea ', 'of ', 'light ', 'and ', 'stone ', 'house '];

function drawText(random: KeyedRandom, tokens: number, firstDoc: number): Pick<SyntheticShard, 'tokens' | 'documents'> {
  const documents = tokens / DOCUMENT_TOKENS;
  const doc = Uint32Array.from({ length: documents }, (_, d) => firstDoc + d);
  const ids = Uint32Array.from({ length: tokens }, () => random.nextInt(VOCABULARY));
  const starts = new Uint32Array(tokens);
  const ends = new Uint32Array(tokens);
  const text: string[] = [];
  for (let d = 0; d < documents; d++) {
    let length = 0;
    const words: string[] = [];
    for (let t = d * DOCUMENT_TOKENS; t < (d + 1) * DOCUMENT_TOKENS; t++) {
      const word = WORDS[(ids[t] as number) % WORDS.length] as string;
      words.push(word);
      starts[t] = length;
      length += word.length;
      ends[t] = length - 1;
    }
    text.push(words.join(''));
  }
  const same = (value: string): string[] => Array.from({ length: documents }, () => value);
  return {
    tokens: {
      doc,
      offsets: Uint32Array.from({ length: documents + 1 }, (_, d) => d * DOCUMENT_TOKENS),
      ids,
      starts,
      ends,
    },
    documents: {
      doc,
      id: Array.from(doc, (d) => `d${d}`),
      split: same('test'),
      text,
      tokens: new Uint32Array(documents).fill(DOCUMENT_TOKENS),
      meta: same('{}'),
    },
  };
}
