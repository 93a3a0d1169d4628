// Absorption of every class: the decoder rows of features that fire on test rows against the directions of the raw probes, read in blocks,
// then each row that a raw probe finds.
import {
  absorbClass,
  alignFeature,
  unitDirection,
  type Absorbed,
  type Alignment,
} from '../../core/dictionaries/probes/absorption.js';
import type { ClassProbes, ProbeRows } from '../../core/dictionaries/probes/probe-class.js';
import type { DecoderRows } from '../../stages/profile/decoder-rows.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { InputError } from '../../schemas/errors.js';
import { openStoredDecoder } from '../dictionary/stored-decoder.js';
import type { StoredDictionary } from '../dictionary/stored-weights.js';

interface AbsorbRequest {
  readonly dictionary: StoredDictionary;
  readonly revision: number;
  readonly classes: readonly ClassProbes[];
  /** Test rows. */
  readonly rows: ProbeRows;
}

interface Reading {
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly progress: (doing: string) => void;
}

/** Decoder rows that are held at once, and numbers of alignments. */
const BLOCK = 4096;
const MOST_ALIGNED = 2 ** 25;

/** By class and test row; null where the raw probe does not find a row of the class. */
export async function absorbClasses(
  store: ObjectStore,
  request: AbsorbRequest,
  reading: Reading,
): Promise<(Absorbed | null)[][]> {
  const { dictionary, revision, classes } = request;
  const { rows } = await openStoredDecoder(store, { dictionary, revision }, reading);
  if (typeof rows === 'string')
    throw new InputError(`Expected decoder rows of ${dictionary.name.run}/${dictionary.name.dictionary}: ${rows}.`);
  try {
    const absorbed: (Absorbed | null)[][] = [];
    const atOnce = Math.max(1, Math.floor(MOST_ALIGNED / rows.features));
    for (let from = 0; from < classes.length; from += atOnce) {
      const some = classes.slice(from, from + atOnce);
      const aligned = await align(rows, { classes: some, fired: request.rows.acts.feature }, reading);
      some.forEach((own, i) => absorbed.push(absorbClass(own, aligned[i] as Alignment, request.rows)));
    }
    return absorbed;
  } finally {
    await rows.close();
  }
}

/** Decoder rows of the features that fire, against the direction of each class. */
async function align(
  decoder: DecoderRows,
  { classes, fired }: { readonly classes: readonly ClassProbes[]; readonly fired: Uint32Array },
  { signal, progress }: Reading,
): Promise<Alignment[]> {
  const { features, width } = decoder;
  const wanted = new Uint8Array(features);
  for (const feature of fired) wanted[feature] = 1;
  const directions = classes.map(({ raw }) => unitDirection(raw.probe));
  const aligned = classes.map(() => ({ dots: new Float64Array(features), cosines: new Float64Array(features) }));
  for (let from = 0; from < features; from += BLOCK) {
    const to = Math.min(features, from + BLOCK);
    if (!wanted.subarray(from, to).includes(1)) continue;
    progress(`decoder rows ${to} of ${features}`);
    const rows = await decoder.read(from, to);
    signal.throwIfAborted();
    for (let feature = from; feature < to; feature++) {
      if (wanted[feature] === 0) continue;
      const row = rows.subarray((feature - from) * width, (feature - from + 1) * width);
      directions.forEach((direction, c) => {
        alignFeature(aligned[c] as Alignment, { feature, row, direction });
      });
    }
  }
  return aligned;
}
