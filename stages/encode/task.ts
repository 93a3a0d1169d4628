// Encodes one shard inside the compute child: rows in token order, batches of a fixed size that depends on the dictionary
// alone, the firings of each row, `acts` and the shard's sorted run of `postings`, and sums for the metrics.
import path from 'node:path';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { FiringCollector } from '../../core/dictionaries/collect-firings.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import { type DictionarySites, sitesText, targetWidth, wiringFlags } from '../../core/dictionaries/sites.js';
import { type DictionaryShape, parametersOf } from '../../core/dictionaries/state.js';
import { sortPostings, tokenOrder } from '../../core/dictionaries/token-order.js';
import { AppliedDictionary, type AppliedSettings, type WeightReader } from '../../dictionaries/applied.js';
import { RoutedDictionary } from '../../dictionaries/routed.js';
import type { Inference } from '../../dictionaries/step.js';
import { digestOf } from '../../core/identity/digest.js';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import { cpuClass } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import { SessionCache } from '../../runtime/session-cache.js';
import { DataError } from '../../schemas/errors.js';
import { SafetensorsFile } from '../../storage/files/safetensors-file.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import { readStoredRows, type StoredRows } from '../activations/stored-rows.js';
import type { SpoolFile } from '../stage.js';
import { activationKeys } from './config.js';
import { writeCounts } from './counts-file.js';
import type { EncodeRequest, EncodeResponse } from './messages.js';
import { squaresAbout } from './spread.js';
import { computeSums, type EncodedShard } from './statistics.js';

/** Rows that are encoded at once. Scores are computed for blocks of features, so that this does not depend on their number. */
const BATCH_ROWS = 1024;
/** Experts for which the batch grows: each is to see enough of its rows. */
const MOST_BATCHES = 16;
/** Weights are loaded once for all shards of a lot. */
const dictionaries = new SessionCache<AppliedDictionary | RoutedDictionary>(1);

/** Rows that are encoded at once, a function of the dictionary alone. */
function batchRowsOf({ routed }: DictionarySites): number {
  return BATCH_ROWS * Math.min(routed?.experts ?? 1, MOST_BATCHES);
}

async function encode(request: EncodeRequest, context: ChildContext): Promise<EncodeResponse> {
  const shard = await encodeShard(request, context);
  const fired = new Uint32Array(request.features);
  const postings = sortPostings(shard.firings, shard, fired);
  const { key, config, sites, model } = request;
  const metadata = {
    key,
    model,
    site: sitesText(sites),
    dictionary: config.dictionary,
    activations: activationKeys(config).join(', '),
    units: 'raw activation units',
  };
  const open = { shard: request.shard, metadata };
  const acts = await TableWriter.open({
    ...open,
    table: 'acts',
    path: path.join(request.spool, 'acts.arrow'),
  });
  await acts.write({
    doc: shard.doc,
    pos: shard.pos,
    features: shard.firings,
    xSq: Float32Array.from(shard.xSq),
    errSq: Float32Array.from(shard.errSq),
  });
  const files: SpoolFile[] = await acts.finish();
  const run = await TableWriter.open({
    ...open,
    table: 'postings',
    path: path.join(request.spool, 'postings.arrow'),
  });
  await run.write(postings);
  files.push(...(await run.finish()));
  const { statistics, counts } = computeSums(shard, fired);
  files.push(await writeCounts(path.join(request.spool, 'counts.safetensors'), counts, metadata));
  const engine = { ...config.engine, ort: ORT_VERSION, cpu: await cpuClass() };
  return { output: { files, statistics: { ...statistics } }, engine };
}

async function encodeShard(request: EncodeRequest, context: ChildContext): Promise<EncodedShard> {
  const { features, sites, settings, config, architecture } = request;
  const stored = await readStoredRows(request.activations, sites);
  const order = tokenOrder(stored.doc, stored.pos);
  const kind = ARCHITECTURES[architecture];
  const { widths, reads, writes } = sites;
  const shape = { kind, sites: { widths, reads, writes, ...wiringFlags(sites) }, features };
  const batchRows = batchRowsOf(sites);
  const applied = { shape, architecture, settings, batchRows, engine: config.engine };
  const name = digestOf({ dictionary: config.dictionary, engine: config.engine });
  const shard = {
    doc: Uint32Array.from(order, (row) => stored.doc[row] as number),
    pos: Uint32Array.from(order, (row) => stored.pos[row] as number),
    xSq: new Float64Array(order.length),
    errSq: new Float64Array(order.length),
    sumX: new Float64Array(targetWidth(sites)),
  };
  const collector = new FiringCollector(order.length, kind.expectedFirings(settings, features));
  await dictionaries.use(
    name,
    () => openDictionary(request.weights, applied),
    async (dictionary) => {
      const x = widths.map((width) => new Float32Array(batchRows * width));
      for (let start = 0; start < order.length; start += batchRows) {
        const rows = order.subarray(start, start + batchRows);
        gatherSites({ stored, sites, x }, rows);
        const at = (places: readonly number[]): Float32Array[] => places.map((place) => x[place] as Float32Array);
        const found = await dictionary.apply({ reads: at(reads), writes: at(writes) });
        addTargetSums(shard.sumX, { sites, x }, rows.length);
        squaresOfRows(shard.xSq, { sites, x }, { start, count: rows.length });
        takeBatch({ request, shard, collector, found }, start, rows.length);
        context.progress(start + rows.length);
      }
    },
  );
  const written = { act: writes.map((place) => stored.act[place] as Uint16Array | Float32Array), order };
  const mean = shard.sumX.map((sum) => sum / order.length);
  const spread = squaresAbout(mean, { ...written, widths: writes.map((place) => widths[place] as number) });
  return { ...shard, spread, firings: collector.finish() };
}

/** The dictionary of a file, its tensors checked. @throws DataError where the file is of another shape */
async function openDictionary(
  weights: string,
  settings: AppliedSettings,
): Promise<AppliedDictionary | RoutedDictionary> {
  const file = await SafetensorsFile.open(weights);
  try {
    checkTensors(file, weights, settings.shape);
    const read: WeightReader = async (name, from, count) => {
      const width = file.widthOf(name);
      const bytes = await file.readRange(name, 4 * from * width, 4 * count * width);
      return new Float32Array(bytes.buffer);
    };
    return settings.shape.sites.routed
      ? await RoutedDictionary.open(settings, read)
      : await AppliedDictionary.open(settings, read);
  } finally {
    await file.close();
  }
}

interface Gathered {
  readonly sites: DictionarySites;
  /** Rows of one batch by site, [batchRows, width]. */
  readonly x: readonly Float32Array[];
}

/** The given stored rows, zeros after them. */
function gatherSites({ stored, sites, x }: Gathered & { readonly stored: StoredRows }, rows: Uint32Array): void {
  for (const [site, width] of sites.widths.entries()) {
    const data = x[site] as Float32Array;
    if (rows.length * width < data.length) data.fill(0);
    gatherRows(stored.act[site] as Uint16Array | Float32Array, data, { rows, width, scale: 1 });
  }
}

/** ‖x‖² of each row, summed over the sites written, in float64. */
function squaresOfRows(
  squares: Float64Array,
  { sites, x }: Gathered,
  { start, count }: { readonly start: number; readonly count: number },
): void {
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (const site of sites.writes) {
      const width = sites.widths[site] as number;
      const rows = x[site] as Float32Array;
      for (let j = i * width; j < (i + 1) * width; j++) sum += (rows[j] as number) ** 2;
    }
    squares[start + i] = sum;
  }
}

/** Adds the rows of the sites written, site after site. */
function addTargetSums(sums: Float64Array, { sites, x }: Gathered, rows: number): void {
  let from = 0;
  for (const site of sites.writes) {
    const width = sites.widths[site] as number;
    addColumnSums(sums.subarray(from, from + width), (x[site] as Float32Array).subarray(0, rows * width));
    from += width;
  }
}

interface Taken {
  readonly request: EncodeRequest;
  readonly shard: Omit<EncodedShard, 'firings' | 'spread'>;
  readonly collector: FiringCollector;
  readonly found: Inference;
}

function takeBatch({ request, shard, collector, found }: Taken, start: number, count: number): void {
  shard.errSq.set(found.squares.subarray(0, count), start);
  for (let i = start; i < start + count; i++) {
    if (Number.isFinite(shard.errSq[i]) && Number.isFinite(shard.xSq[i])) continue;
    const at = { site: sitesText(request.sites), doc: shard.doc[i], pos: shard.pos[i] };
    throw new DataError(
      `Expected a finite reconstruction at site ${at.site}, document ${at.doc ?? 0}, position ${at.pos ?? 0}, found NaN or infinity.`,
      at,
    );
  }
  try {
    collector.addSlices(found.firing, count);
  } catch (error) {
    throw placed(error, { request, shard });
  }
}

/** Adds site, document and position to an error that knows its row. */
function placed(error: unknown, { request, shard }: Pick<Taken, 'request' | 'shard'>): unknown {
  if (!(error instanceof DataError)) return error;
  const row = error.details['row'] as number;
  const at = { site: sitesText(request.sites), doc: shard.doc[row] ?? 0, pos: shard.pos[row] ?? 0 };
  return new DataError(`${error.message} Site ${at.site}, document ${at.doc}, position ${at.pos}.`, {
    ...error.details,
    ...at,
  });
}

/** @throws DataError where the file is of another shape */
function checkTensors(file: SafetensorsFile, weights: string, dictionary: DictionaryShape): void {
  for (const { name, shape } of parametersOf(dictionary)) {
    const place = file.places.get(name);
    if (place?.shape.join() === shape.join() && place.dtype === 'F32') continue;
    const type = place?.dtype === 'F32' ? '' : `${place?.dtype ?? ''} `;
    const found = place ? `${type}[${place.shape.join(', ')}]` : 'none';
    throw new DataError(
      `Expected dictionary tensor ${name} of shape [${shape.join(', ')}], found ${found} in ${weights}.`,
      { tensor: name },
    );
  }
}

function addColumnSums(sums: Float64Array, x: Float32Array): void {
  const width = sums.length;
  for (let start = 0; start < x.length; start += width) {
    for (let j = 0; j < width; j++) sums[j] = (sums[j] as number) + (x[start + j] as number);
  }
}

export const encodeTasks: { readonly encode: ChildTask<EncodeRequest, EncodeResponse> } = {
  encode,
};
