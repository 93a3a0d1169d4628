// `assay sae probe`: do a dictionary's features hold what labels say, in how few of them, against as many coordinates of the activations?
// Reads the store, computes in this process, stores nothing.
import { summariseProbes } from '../../core/dictionaries/probes/summarise.js';
import { PROBE_SIZES, probeClass } from '../../core/dictionaries/probes/probe-class.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { ObjectRecord } from '../../schemas/records.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import { datasetNames } from '../../stages/dataset-names.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { newCounters } from '../../storage/scan/batch-reader.js';
import type { DictionaryName } from '../datasets/given-names.js';
import { openRunTokenizer } from '../dictionary/run-tokenizer.js';
import { activationKeyOf, objectsOf, pinDictionary, type PinnedDictionary } from '../dictionary/snapshots.js';
import { openStoredDecoder } from '../dictionary/stored-decoder.js';
import { storedDictionary } from '../dictionary/stored-weights.js';
import { keyFields, newestSnapshot } from '../runs/stage-keys.js';
import { type MeasuredClass, type ProbeDocument, probeDocument } from './probe-document.js';
import type { LabelSource } from './label-source.js';
import { drawRows, gatherRows, type Drawn, type LabelledObjects, PROBE_SPLITS } from './read-rows.js';

export interface ProbeRequest {
  readonly name: DictionaryName;
  readonly source: LabelSource;
  /** What the labels are called in the answer: a file, or `first-letter`. */
  readonly labels: string;
  /** Most rows of a class, and as many others, of each split. */
  readonly most: number;
  readonly resamples: number;
  readonly seed: number;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly progress: (doing: string) => void;
  /** Does work that lets nothing else happen. */
  readonly blocking: <T>(work: () => T) => T;
}

/** Rows of a class, and others, that probes need. */
const LEAST = { fit: 20, test: 10 } as const;

/** @throws InputError where no class has enough labelled rows, or the dictionary reads several sites */
export async function probeDictionary(store: ObjectStore, request: ProbeRequest): Promise<ProbeDocument> {
  const { name, source, most, seed, signal, progress, blocking } = request;
  const pinned = await pinDictionary(store, name);
  const run = await readResolvedRun(store, { name: name.run, revision: pinned.acts.revision });
  const site = siteOf(run, name);
  const activations = await activationsOf(store, pinned, site.name);
  const read = { store, signal, counters: newCounters(), dtype: run.file.activations.dtype };
  const texts = source.byToken ? await tokenTexts(store, pinned, request) : () => null;
  const [acts, tokens] = [await objectsOf(store, pinned.acts), await objectsOf(store, pinned.tokens)];
  const objects: LabelledObjects = { acts, tokens, read, textOf: texts };
  progress('drawing rows');
  const drawn = await drawRows(objects, source, { most, seed });
  const classes = usable(drawn, request);
  progress('reading activations');
  const width = site.width;
  const [fit, test] = [
    await gatherRows(objects, activations, { rows: drawn.rows.fit, width }),
    await gatherRows(objects, activations, { rows: drawn.rows.test, width }),
  ];
  const decoderRow = site.same ? await decoderOf(store, request) : null;
  const measured: MeasuredClass[] = [];
  for (const { label, text } of classes) {
    progress(`class ${text} (${measured.length + 1} of ${classes.length})`);
    signal.throwIfAborted();
    measured.push({ text, label, found: blocking(() => probeClass({ fit, test, label, most, decoderRow })) });
    // Lets a signal in between two classes.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const summary = blocking(() =>
    summariseProbes(
      test,
      measured.map(({ found }) => found),
      { resamples: request.resamples, random: new KeyedRandom('probe', 'documents', seed) },
    ),
  );
  return probeDocument({ request, site: site.name, drawn, fit, test, measured, summary, sizes: PROBE_SIZES });
}

interface ReadSite {
  readonly name: string;
  readonly width: number;
  /** Whether the dictionary reconstructs what it reads. */
  readonly same: boolean;
}

function siteOf(run: ResolvedRun, { dictionary }: DictionaryName): ReadSite {
  const own = run.dictionaries.find((one) => one.name === dictionary) as ResolvedDictionary;
  const [site = ''] = own.reads;
  if (own.reads.length > 1)
    throw new InputError(
      `Expected a dictionary that reads one site, whose activations it is compared with, found ${run.name}/${dictionary}, which reads ${own.reads.join(', ')}.`,
      { dictionary, reads: own.reads },
    );
  const width = run.sites.find(({ name }) => name === site)?.width ?? run.model.width;
  return { name: site, width, same: own.writes.length === 1 && own.writes[0] === site };
}

async function activationsOf(
  store: ObjectStore,
  { name, acts }: PinnedDictionary,
  site: string,
): Promise<ObjectRecord[]> {
  const key = activationKeyOf(await keyFields(store, 'encode', acts.key));
  const dataset = datasetNames(name.run).activations(site);
  const snapshot = await newestSnapshot(store, dataset, (one) => key === null || one.key === key);
  if (snapshot) return (await objectsOf(store, snapshot)).filter(({ table }) => table === 'activations');
  throw new DataError(
    `Expected a snapshot of ${dataset} with the activations that ${name.dictionary} was encoded from, found none; \`assay resume ${name.run}\` publishes it again.`,
    { dataset, key },
  );
}

async function tokenTexts(
  store: ObjectStore,
  pinned: PinnedDictionary,
  request: ProbeRequest,
): Promise<(token: number) => string | null> {
  const tokenizer = await openRunTokenizer(store, pinned, request);
  const all = request.blocking(() => tokenizer.textsOf(Array.from({ length: tokenizer.vocabSize }, (_, id) => id)));
  return (token) => all[token] ?? null;
}

async function decoderOf(
  store: ObjectStore,
  { name, cacheFolder, signal }: ProbeRequest,
): Promise<((feature: number) => Float32Array) | null> {
  const dictionary = await storedDictionary(store, name);
  const { rows } = await openStoredDecoder(store, { dictionary, revision: 1 }, { cacheFolder, signal });
  if (typeof rows === 'string') return null;
  try {
    const { features, width } = rows;
    const all = await rows.read(0, features);
    return (feature) => all.subarray(feature * width, (feature + 1) * width);
  } finally {
    await rows.close();
  }
}

/** Classes with enough rows. @throws InputError where there are none */
function usable(
  { classes, counts, met }: Drawn,
  { source, labels }: ProbeRequest,
): { readonly label: number; readonly text: string }[] {
  const all = classes.map((text, label) => ({ label, text })).sort((a, b) => (a.text < b.text ? -1 : 1));
  const totals = PROBE_SPLITS.map((split) => all.reduce((sum, { label }) => sum + counts[split](label), 0));
  const found = all.filter(({ label }) =>
    PROBE_SPLITS.every((split, s) => {
      const own = counts[split](label);
      return own >= LEAST[split] && (totals[s] as number) - own >= LEAST[split];
    }),
  );
  if (found.length > 0) return found;
  const of =
    source.ids === null ? '' : ` (${met} of the ${source.ids.size} documents that they name have rows in fit or test)`;
  const told = all
    .slice(0, 8)
    .map(({ label, text }) => `${text}: ${counts.fit(label)} and ${counts.test(label)}`)
    .join(', ');
  throw new InputError(
    `Expected a class with at least ${LEAST.fit} rows in fit and ${LEAST.test} in test, and as many others, among the labels ${labels}, found none${of}${told === '' ? '' : `; rows in fit and test: ${told}`}. Label documents of both splits with two classes or more.`,
    { labels, classes: classes.length },
  );
}
