// Dictionaries against each other: do they find the same features? Decoder rows are matched one to one so that the sum of cosines is
// largest (core/dictionaries/truth/matching.ts), every two dictionaries; beside each pair the same with random rows in the place of
// the second, because cosines of the best matched rise with the number of features by chance alone. Rows that repeat an earlier row
// of their own dictionary are counted.
import { availableParallelism } from 'node:os';
import { findDuplicates } from '../../core/dictionaries/truth/duplicates.js';
import { matchFeatures } from '../../core/dictionaries/truth/matching.js';
import type { Matrix } from '../../core/tensor/matrix.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { createMultiplier, type Multiplier } from '../../runtime/multiply.js';
import { InputError } from '../../schemas/errors.js';
import type { z } from 'zod';
import type { saeCompareDocument } from '../../schemas/documents/sae-compare.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestSnapshot } from '../../storage/records/snapshots.js';
import { dictionaryDataset, type DictionaryName } from '../datasets/given-names.js';
import { openStoredDecoder } from '../dictionary/stored-decoder.js';
import { storedDictionary } from '../dictionary/stored-weights.js';

export type Comparison = z.infer<typeof saeCompareDocument>;

export interface CompareRequest {
  readonly names: readonly DictionaryName[];
  /** Cosine from which a row repeats an earlier one. */
  readonly threshold: number;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly progress: (doing: string) => void;
}

/** Cosines of two dictionaries that are held at once, and features of the smaller one that are matched exactly in reasonable time. */
const MOST_COSINES = 2 ** 27;
const MOST_MATCHED = 8192;

interface Decoder {
  readonly name: string;
  readonly rows: Matrix;
  readonly writes: readonly string[];
  /** What the first values were drawn by; null: it was not trained here. */
  readonly start: string | null;
}

/** @throws InputError for fewer than two, for decoders of different sites or widths, for more features than can be matched */
export async function compareDictionaries(store: ObjectStore, request: CompareRequest): Promise<Comparison> {
  const { names, signal, progress, threshold } = request;
  const decoders: Decoder[] = [];
  for (const name of names) decoders.push(await readDecoder(store, name, request));
  refuseUnlike(decoders);
  const multiplier = await createMultiplier({ provider: 'cpu', threads: availableParallelism(), optimisation: 'all' });
  try {
    const dictionaries: Comparison['dictionaries'] = [];
    for (const { name, rows, writes } of decoders) {
      progress(`duplicates of ${name}`);
      const { count, share } = await findDuplicates(rows, { multiply: multiplier.multiply, threshold });
      signal.throwIfAborted();
      dictionaries.push({ dictionary: name, features: rows.rows, writes, duplicates: { threshold, count, share } });
    }
    const pairs: Comparison['pairs'] = [];
    for (const [i, a] of decoders.entries())
      for (const b of decoders.slice(i + 1)) {
        progress(`${a.name} and ${b.name}`);
        pairs.push(await comparePair(a, b, multiplier));
        signal.throwIfAborted();
      }
    return { dictionaries, pairs };
  } finally {
    await multiplier.release();
  }
}

async function comparePair(a: Decoder, b: Decoder, { multiply }: Multiplier): Promise<Comparison['pairs'][number]> {
  // A feature is not its opposite: cosines keep their sign.
  const options = { multiply, signless: false };
  const found = await matchFeatures(a.rows, b.rows, options);
  const random = await matchFeatures(a.rows, randomRows(b), options);
  const matched = [...found.assigned].flatMap((other, feature) =>
    other < 0 ? [] : [{ feature, other, cosine: found.assignedSimilarity[feature] as number }],
  );
  matched.sort((x, y) => x.cosine - y.cosine || x.feature - y.feature);
  const rank = (q: number): number => matched[Math.ceil(q * matched.length) - 1]?.cosine ?? 0;
  return {
    ...{ a: a.name, b: b.name, pairs: found.pairs, mcc: found.mcc, shared: found.shared },
    ...{ p10: rank(0.1), p50: rank(0.5), p90: rank(0.9), randomMcc: random.mcc },
    sameStart: a.start !== null && a.start === b.start,
    least: matched[0] ?? { feature: 0, other: 0, cosine: 0 },
  };
}

/** As many rows as `of` has, in random directions keyed by its name. */
function randomRows({ name, rows: { rows, columns } }: Decoder): Matrix {
  const random = new KeyedRandom('compare', name);
  return { data: Float32Array.from({ length: rows * columns }, () => random.nextNormal()), rows, columns };
}

async function readDecoder(store: ObjectStore, name: DictionaryName, request: CompareRequest): Promise<Decoder> {
  const given = `${name.run}/${name.dictionary}`;
  const dictionary = await storedDictionary(store, name);
  const snapshot = await latestSnapshot(store, dictionaryDataset(name, 'weights'));
  const { rows, writes, seed } = await openStoredDecoder(
    store,
    { dictionary, revision: snapshot?.revision ?? 1 },
    { cacheFolder: request.cacheFolder, signal: request.signal },
  );
  if (typeof rows === 'string')
    throw new InputError(`Expected decoder rows of ${given} to compare: ${rows}.`, { dictionary: given });
  try {
    const { features, width } = rows;
    // Rows are drawn by seed, width and number, whatever the run, the kind and the number of features.
    const start = seed === null ? null : `${seed} ${width}`;
    return { name: given, rows: { data: await rows.read(0, features), rows: features, columns: width }, writes, start };
  } finally {
    await rows.close();
  }
}

function refuseUnlike(decoders: readonly Decoder[]): void {
  const [first, ...others] = decoders;
  if (!first || others.length === 0)
    throw new InputError(`Expected two or more dictionaries to compare, found ${decoders.length}.`, {
      dictionaries: decoders.map(({ name }) => name),
    });
  for (const other of others) {
    const [a, b] = [first, other].map(({ writes }) => writes.join(', '));
    if (a !== b || first.rows.columns !== other.rows.columns)
      throw new InputError(
        `Expected dictionaries that write the same sites, found ${first.name}, which writes ${a} (${first.rows.columns} numbers), and ${other.name}, which writes ${b} (${other.rows.columns} numbers). Rows of different places have no cosine.`,
        { dictionaries: [first.name, other.name] },
      );
  }
  const sizes = decoders.map(({ rows }) => rows.rows).sort((x, y) => y - x);
  const [most = 0, next = 0] = sizes;
  if (next <= MOST_MATCHED && most * next <= MOST_COSINES) return;
  throw new InputError(
    `Expected dictionaries of at most ${MOST_MATCHED} features beside the largest, and ${MOST_COSINES} cosines of two of them, found ${sizes.join(', ')} features: an exact matching of those takes too long. Compare smaller ones.`,
    { features: sizes },
  );
}
