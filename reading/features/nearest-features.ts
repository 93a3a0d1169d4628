// The features whose decoder rows point most nearly the same way: from the table `neighbours` where it has as many as are wanted, else
// computed from the stored weights, a block of rows at a time.
//   cos(i, j) = w_i · w_j / (‖w_i‖ ‖w_j‖)      w a row of W_dec, all sites written together; float64 sums of float32 weights
// A row of zeros is nobody's neighbour. Order: cosine descending, then the lower feature.
import type { DecoderRows } from '../../stages/profile/decoder-rows.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { OpenedDictionary } from '../dictionary/open-dictionary.js';
import { profileObjects } from '../dictionary/profile-tables.js';
import { readProfileRow } from '../dictionary/profile-rows.js';
import { openStoredDecoder } from '../dictionary/stored-decoder.js';
import { storedDictionary } from '../dictionary/stored-weights.js';

export interface Near {
  readonly feature: number;
  readonly cosine: number;
}

export interface NearRequest {
  readonly opened: Pick<OpenedDictionary, 'name' | 'index' | 'acts'>;
  readonly feature: number;
  /** How many are wanted. */
  readonly most: number;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

export interface Nearest {
  readonly method: 'neighbours' | 'weights';
  readonly nearest: readonly Near[];
}

/** Neighbours that the table keeps. */
const KEPT = 10;
/** Bytes of rows that are held at once. */
const BLOCK_BYTES = 32 * 2 ** 20;

/** @throws InputError where the decoder lies in a form that is not known */
export async function nearestFeatures(store: ObjectStore, request: NearRequest): Promise<Nearest> {
  const stored = request.most > KEPT ? null : await storedNeighbours(store, request);
  if (stored !== null) return { method: 'neighbours', nearest: stored.slice(0, request.most) };
  const rows = await openRows(store, request);
  try {
    return { method: 'weights', nearest: await scan(rows, request) };
  } finally {
    await rows.close();
  }
}

async function storedNeighbours(store: ObjectStore, { opened, feature }: NearRequest): Promise<Near[] | null> {
  const { neighbours } = await profileObjects(store, opened);
  return readProfileRow({ store, table: 'neighbours', objects: neighbours }, feature, ({ cosine }, row) => {
    const [from, to] = [cosine.offsets[row] as number, cosine.offsets[row + 1] as number];
    return Array.from({ length: to - from }, (_, i) => ({
      feature: cosine.feature[from + i] as number,
      cosine: cosine.value[from + i] as number,
    }));
  });
}

async function openRows(store: ObjectStore, { opened, cacheFolder, signal }: NearRequest): Promise<DecoderRows> {
  const { name, acts } = opened;
  const dictionary = await storedDictionary(store, name);
  const { rows } = await openStoredDecoder(store, { dictionary, revision: acts.revision }, { cacheFolder, signal });
  if (typeof rows !== 'string') return rows;
  const given = `${name.run}/${name.dictionary}`;
  throw new InputError(
    `Neighbours of features of ${given} cannot be computed: ${rows}; \`assay sql "select * from neighbours"\` has them where its run made that table.`,
    { dictionary: given },
  );
}

async function scan(rows: DecoderRows, { feature, most, signal }: NearRequest): Promise<Near[]> {
  const { width, features } = rows;
  const own = await rows.read(feature, feature + 1);
  const norm = Math.sqrt(dot(own, own));
  const best: Near[] = [];
  const step = Math.max(1, Math.floor(BLOCK_BYTES / 4 / width));
  for (let from = 0; from < features && norm > 0; from += step) {
    signal.throwIfAborted();
    const to = Math.min(features, from + step);
    const block = await rows.read(from, to);
    for (let row = from; row < to; row++) {
      const other = block.subarray((row - from) * width, (row - from + 1) * width);
      const length = row === feature ? 0 : Math.sqrt(dot(other, other));
      if (length > 0) keep(best, { feature: row, cosine: dot(own, other) / (norm * length) }, most);
    }
  }
  return best;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Rows come by feature, so that of equals the first stays before. */
function keep(best: Near[], near: Near, most: number): void {
  if (best.length === most && near.cosine <= (best.at(-1)?.cosine ?? -Infinity)) return;
  const at = best.findIndex(({ cosine }) => near.cosine > cosine);
  best.splice(at < 0 ? best.length : at, 0, near);
  if (best.length > most) best.pop();
}
