// Measures a trained dictionary on rows of a generator that it has not seen: against the true features, and as a reconstruction.
import { ENCODE_OUTPUTS, buildEncodeGraph } from '../../core/dictionaries/encode-graph.js';
import { parametersOf } from '../../core/dictionaries/state.js';
import { rowsFeed } from '../../core/dictionaries/step-graph.js';
import { type Duplicates, findDuplicates } from '../../core/dictionaries/truth/duplicates.js';
import { ExplainedVariance } from '../../core/dictionaries/truth/explained.js';
import { FiringCounter, type FiringScores, type RowSets } from '../../core/dictionaries/truth/firing-scores.js';
import { type Matching, matchFeatures } from '../../core/dictionaries/truth/matching.js';
import type { Matrix, Multiply } from '../../core/tensor/matrix.js';
import type { SyntheticSource } from '../../organisms/synthetic/source.js';
import { Session, type SessionSettings, type TensorValue } from '../../runtime/session.js';
import type { StoredSettings } from '../../schemas/dictionaries.js';
import { DataError } from '../../schemas/errors.js';
import type { TrainedDictionary } from './train.js';

export interface MeasureParts {
  readonly source: SyntheticSource;
  readonly dictionary: TrainedDictionary;
  readonly sae: StoredSettings;
  readonly engine: SessionSettings;
  readonly multiply: Multiply;
  readonly rows: number;
  /** Whether opposite directions count as the same. */
  readonly signless: boolean;
  readonly progress: (doing: string) => void;
  readonly signal: AbortSignal;
}

export interface Measures {
  readonly matching: Matching;
  readonly duplicates: Duplicates;
  /** With the most similar true feature of each: what is published. */
  readonly best: FiringScores;
  /** With the true feature that each was assigned. */
  readonly assigned: FiringScores;
  readonly explainedVariance: number;
  readonly l0: number;
  readonly trueL0: number;
  /** Features without a firing on the rows. */
  readonly silent: number;
}

export async function measureDictionary(parts: MeasureParts): Promise<Measures> {
  const { source, multiply, progress, signless } = parts;
  const decoder = decoderOf(parts);
  progress('matching features');
  const matching = await matchFeatures(decoder, source.directions, { multiply, signless });
  const duplicates = await findDuplicates(decoder, { multiply });
  return { matching, duplicates, ...(await measureRows(parts, matching)) };
}

function decoderOf({ dictionary, source }: MeasureParts): Matrix {
  const data = dictionary.weights.get('W_dec');
  if (data) return { data, rows: dictionary.shape.features, columns: source.directions.columns };
  throw new DataError('Expected a dictionary with decoder rows W_dec, found none.', {
    tensors: [...dictionary.weights.keys()],
  });
}

async function measureRows(
  parts: MeasureParts,
  matching: Matching,
): Promise<Omit<Measures, 'matching' | 'duplicates'>> {
  const { source, dictionary, sae, engine, progress, signal } = parts;
  const { batchRows } = sae;
  const best = new FiringCounter(matching.best, source.directions.rows);
  const assigned = new FiringCounter(matching.assigned, source.directions.rows);
  const explained = new ExplainedVariance(source.bias);
  let active = 0;
  const session = await Session.create(
    buildEncodeGraph({ ...dictionary.shape, batchRows, settings: sae }).toModelBytes(),
    engine,
  );
  try {
    for (let from = 0; from < parts.rows; from += batchRows) {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      progress(`test rows ${from}/${parts.rows}`);
      const count = Math.min(batchRows, parts.rows - from);
      const { rows, firings } = await source.draw('test', from, count);
      const { fired, errSq } = await encode(session, parts, rows);
      best.add(fired, firings);
      assigned.add(fired, firings);
      explained.add(rows, errSq);
      active += firings.feature.length;
    }
  } finally {
    await session.release();
  }
  const fires = best.fires.reduce((sum, count) => sum + count, 0);
  return {
    ...{ best: best.scores(), assigned: assigned.scores(), explainedVariance: explained.value() },
    ...{ l0: fires / best.rows, trueL0: active / best.rows },
    silent: best.fires.reduce((sum, count) => sum + (count === 0 ? 1 : 0), 0),
  };
}

/** What fires on rows, and the squared norms of the errors. */
async function encode(
  session: Session,
  { dictionary: { shape, weights }, sae: { batchRows } }: MeasureParts,
  rows: Float32Array,
): Promise<{ readonly fired: RowSets; readonly errSq: Float32Array }> {
  const width = shape.sites.widths[0] as number;
  const count = rows.length / width;
  const padded = count === batchRows ? rows : new Float32Array(batchRows * width);
  if (padded !== rows) padded.set(rows);
  const feeds: Record<string, TensorValue> = Object.fromEntries(
    parametersOf(shape).map((p) => [
      p.name,
      { dtype: 'float32', dims: p.shape, data: weights.get(p.name) as Float32Array },
    ]),
  );
  feeds[rowsFeed(0)] = { dtype: 'float32', dims: [batchRows, width], data: padded };
  const outputs = await session.run(feeds);
  const errSq = (outputs[ENCODE_OUTPUTS.errSq]?.data as Float32Array).subarray(0, count);
  const ids = outputs[ENCODE_OUTPUTS.feature]?.data as Int32Array | undefined;
  return { fired: firedSets(outputs[ENCODE_OUTPUTS.value]?.data as Float32Array, ids, { count, batchRows }), errSq };
}

/** Features with a value above 0, row by row; without ids column i is feature i. */
function firedSets(
  values: Float32Array,
  ids: Int32Array | undefined,
  { count, batchRows }: { readonly count: number; readonly batchRows: number },
): RowSets {
  const capacity = values.length / batchRows;
  const offsets = new Uint32Array(count + 1);
  const feature: number[] = [];
  for (let row = 0; row < count; row++) {
    for (let at = row * capacity; at < (row + 1) * capacity; at++)
      if ((values[at] as number) > 0) feature.push(ids ? (ids[at] as number) : at - row * capacity);
    offsets[row + 1] = feature.length;
  }
  return { offsets, feature: Int32Array.from(feature) };
}
