// Sparse probes on a dictionary's features beside probes on the activations that it reads, for labels of rows; splitting and absorption of
// each class. Rows come from two splits: probes are chosen and fitted on one and answer on the other.
import { setImmediate as turn } from 'node:timers/promises';
import { againstOthers } from '../../core/dictionaries/probes/draw-rows.js';
import { probeClass, type ClassProbes } from '../../core/dictionaries/probes/probe-class.js';
import { summariseProbes } from '../../core/dictionaries/probes/summarise.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { InputError } from '../../schemas/errors.js';
import type { Split } from '../../schemas/stages.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { newCounters } from '../../storage/scan/batch-reader.js';
import { pinDictionary, type PinnedDictionary } from '../dictionary/snapshots.js';
import { storedDictionary } from '../dictionary/stored-weights.js';
import { absorbClasses } from './absorb-classes.js';
import { findLabelled } from './given-labels.js';
import { DrawnRows } from './labelled-rows.js';
import { labelText, probeDocument } from './probe-document.js';
import type { DrawnClasses, ProbeDocument, ProbeRequest } from './probe-request.js';
import { readStoredSite, type StoredSite } from './stored-shards.js';

/** Fewest rows of a class in either split. */
const FEWEST = 10;
/** Bytes of the drawn rows' activations that are held. */
const MOST_HELD = 2 ** 32;
const TEST: Split = 'test';

/** @throws InputError for labels that do not fit, too few rows or too many; DataError where activations are missing */
export async function probeDictionary(store: ObjectStore, request: ProbeRequest): Promise<ProbeDocument> {
  const { name, signal } = request;
  const pinned = await pinDictionary(store, name);
  const dictionary = await storedDictionary(store, name);
  const site = await readStoredSite(store, pinned, request.seed);
  const drawn = await drawRows(store, { pinned, site, request });
  const { features } = dictionary;
  const rows = { ...drawn, shape: { width: site.width, features } };
  const classes: ClassProbes[] = [];
  for (const [own, label] of drawn.labels.entries()) {
    request.progress(`probes of ${label}: ${own + 1} of ${drawn.labels.length}`);
    const [fit, test] = [againstOthers(drawn.fit.byClass, own), againstOthers(drawn.test.byClass, own)];
    classes.push(probeClass(rows, { fit, test }));
    await turn();
    signal.throwIfAborted();
  }
  const absorbed = site.writesIt
    ? await absorbClasses(store, { dictionary, revision: pinned.acts.revision, classes, rows: drawn.test }, request)
    : classes.map(({ test }) => Array.from(test.rows, () => null));
  request.progress('intervals');
  const numbers = new Map([...new Set(drawn.test.doc)].sort((a, b) => a - b).map((doc, i) => [doc, i]));
  const answers = classes.map((probes, own) => ({
    probes,
    document: Uint32Array.from(probes.test.rows, (row) => numbers.get(drawn.test.doc[row] as number) as number),
    absorbed: absorbed[own] ?? [],
  }));
  const random = new KeyedRandom('probe', 'documents', request.seed);
  const summary = summariseProbes(answers, { documents: numbers.size, resamples: request.resamples, random });
  return probeDocument({ request, site, drawn, answers, summary });
}

interface DrawRequest {
  readonly pinned: PinnedDictionary;
  readonly site: StoredSite;
  readonly request: ProbeRequest;
}

async function drawRows(store: ObjectStore, { pinned, site, request }: DrawRequest): Promise<DrawnClasses> {
  const { labels, signal, progress, mostBytes, seed, rows: most } = request;
  const read = { store, counters: newCounters(), signal };
  const labelling = await findLabelled(store, { pinned, site, labels, read, cacheFolder: request.cacheFolder });
  const common = { site, labelling, most, seed, mostBytes, read, progress };
  const fit = await DrawnRows.draw({ ...common, split: request.fit });
  const test = await DrawnRows.draw({ ...common, split: TEST });
  const counts = labelling.names.map((label, own) => ({
    ...{ label, own, rows: { fit: fit.count(own), test: test.count(own) } },
  }));
  const kept = counts.filter(({ rows }) => Math.min(rows.fit, rows.test) >= FEWEST);
  if (kept.length < 2) throw tooFew(counts, request);
  refuseMuch(
    kept.reduce((sum, { rows }) => sum + rows.fit + rows.test, 0),
    { site, rows: most, mostHeld: request.mostHeld ?? MOST_HELD },
  );
  const classes = kept.map(({ own }) => own);
  const leftOut = counts.filter((one) => !kept.includes(one) && one.rows.fit + one.rows.test > 0);
  return {
    fit: await fit.complete(classes),
    test: await test.complete(classes),
    labels: kept.map(({ label }) => label),
    leftOut: leftOut.map(({ label, rows }) => ({ label, rows })),
  };
}

function tooFew(
  counts: readonly { readonly label: string; readonly rows: { readonly fit: number; readonly test: number } }[],
  { fit, labels }: ProbeRequest,
): InputError {
  const found = counts.filter(({ rows }) => rows.fit + rows.test > 0);
  const listed = found.slice(0, 12).map(({ label, rows }) => `${label} ${rows.fit} and ${rows.test}`);
  const more = found.length > listed.length ? ` and ${found.length - listed.length} more` : '';
  const what = listed.length === 0 ? 'none' : listed.join(', ') + more;
  return new InputError(
    `Expected two classes of ${labelText(labels)} with at least ${FEWEST} stored rows each in the splits ${fit} and ${TEST}, found ${what}; label more documents of both splits, or choose the other split to fit on (--fit-on).`,
    { labels: labelText(labels), fit },
  );
}

function refuseMuch(
  rows: number,
  { site, rows: most, mostHeld }: { readonly site: StoredSite; readonly rows: number; readonly mostHeld: number },
): void {
  const bytes = rows * site.width * 4;
  if (bytes <= mostHeld) return;
  throw new InputError(
    `Expected rows that fit into ${mostHeld} bytes, found ${rows} of ${site.width} numbers, ${bytes} bytes; draw fewer of each class (--rows ${Math.max(FEWEST, Math.floor((most * mostHeld) / bytes))}).`,
    { rows, bytes },
  );
}
