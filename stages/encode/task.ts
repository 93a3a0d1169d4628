// Encodes one shard inside the compute child: rows in token order, batches of a fixed size that depends on the dictionary
// alone, the firings of each row, `acts` and the shard's sorted run of `postings`, and sums for the metrics.
import path from 'node:path';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { FiringCollector } from '../../core/dictionaries/collect-firings.js';
import { ENCODE_OUTPUTS, buildEncodeGraph } from '../../core/dictionaries/encode-graph.js';
import { gatherRows } from '../../core/dictionaries/gather.js';
import { type DictionarySites, sitesText, targetWidth, wiringFlags } from '../../core/dictionaries/sites.js';
import { type DictionaryShape, parametersOf } from '../../core/dictionaries/state.js';
import { rowsFeed } from '../../core/dictionaries/step-graph.js';
import { sortPostings, tokenOrder } from '../../core/dictionaries/token-order.js';
import { digestOf } from '../../core/identity/digest.js';
import type { ChildContext, ChildTask } from '../../runtime/child/protocol.js';
import { cpuClass } from '../../runtime/devices.js';
import { ORT_VERSION, Session, type TensorValue } from '../../runtime/session.js';
import { SessionCache } from '../../runtime/session-cache.js';
import { DataError } from '../../schemas/errors.js';
import { SafetensorsFile } from '../../storage/files/safetensors-file.js';
import { readActivations } from '../../storage/tables/read.js';
import { TableWriter } from '../../storage/tables/table-writer.js';
import type { SpoolFile } from '../stage.js';
import { activationKeys } from './config.js';
import { writeCounts } from './counts-file.js';
import type { EncodeRequest, EncodeResponse } from './messages.js';
import { computeSums, type EncodedShard } from './statistics.js';

/** Rows of one forward pass: z takes 64 MiB at most, and no fewer than 64 rows. */
const Z_BYTES = 64 * 2 ** 20;
const sessions = new SessionCache<Session>(2);

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
    xSq: shard.xSq,
    errSq: shard.errSq,
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

/** Rows per forward pass of a dictionary: 64, 128 … 2048, a function of its features alone. */
export function encodeBatchRows(features: number): number {
  return 2 ** Math.min(11, Math.max(6, Math.floor(Math.log2(Z_BYTES / (4 * features)))));
}

async function encodeShard(request: EncodeRequest, context: ChildContext): Promise<EncodedShard> {
  const { features, sites, settings, config } = request;
  const stored = await readShard(request);
  const order = tokenOrder(stored.doc, stored.pos);
  const kind = ARCHITECTURES[request.architecture];
  const batchRows = encodeBatchRows(features);
  const { widths, reads, writes } = sites;
  const graph = { kind, sites: { widths, reads, writes, ...wiringFlags(sites) }, features, settings, batchRows };
  const parameters = await readParameters(request, graph);
  // Everything that the graph and the session are made of.
  const name = digestOf({ ...graph, kind: request.architecture, engine: config.engine });
  const create = (): Promise<Session> => Session.create(buildEncodeGraph(graph).toModelBytes(), config.engine);
  const shard = {
    doc: Uint32Array.from(order, (row) => stored.doc[row] as number),
    pos: Uint32Array.from(order, (row) => stored.pos[row] as number),
    xSq: new Float32Array(order.length),
    errSq: new Float32Array(order.length),
    sumX: new Float64Array(targetWidth(sites)),
  };
  const collector = new FiringCollector(order.length, kind.expectedFirings(settings, features));
  await sessions.use(name, create, async (session) => {
    const x = widths.map((width) => new Float32Array(batchRows * width));
    for (let start = 0; start < order.length; start += batchRows) {
      const rows = order.subarray(start, start + batchRows);
      const outputs = await session.run({ ...parameters, ...rowFeeds({ stored, sites, x }, rows, batchRows) });
      takeBatch({ request, shard, collector, outputs }, start, rows.length);
      addTargetSums(shard.sumX, { sites, x }, rows.length);
      context.progress(start + rows.length);
    }
  });
  return { ...shard, firings: collector.finish() };
}

interface Gathered {
  readonly sites: DictionarySites;
  /** Rows of one batch by site, [batchRows, width]. */
  readonly x: readonly Float32Array[];
}

/** Feeds of the given stored rows, zeros after them. */
function rowFeeds(
  { stored, sites, x }: Gathered & { readonly stored: StoredShard },
  rows: Uint32Array,
  batchRows: number,
): Record<string, TensorValue> {
  const feeds = sites.widths.map((width, site): [string, TensorValue] => {
    const data = x[site] as Float32Array;
    if (rows.length < batchRows) data.fill(0);
    gatherRows(stored.act[site] as Uint16Array | Float32Array, data, { rows, width, scale: 1 });
    return [rowsFeed(site), { dtype: 'float32', dims: [batchRows, width], data }];
  });
  return Object.fromEntries(feeds);
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
  readonly shard: Omit<EncodedShard, 'firings'>;
  readonly collector: FiringCollector;
  readonly outputs: Record<string, TensorValue>;
}

function takeBatch({ request, shard, collector, outputs }: Taken, start: number, count: number): void {
  const values = outputs[ENCODE_OUTPUTS.value] as TensorValue;
  const xSq = (outputs[ENCODE_OUTPUTS.xSq] as TensorValue).data as Float32Array;
  const errSq = (outputs[ENCODE_OUTPUTS.errSq] as TensorValue).data as Float32Array;
  shard.xSq.set(xSq.subarray(0, count), start);
  shard.errSq.set(errSq.subarray(0, count), start);
  for (let i = start; i < start + count; i++) {
    if (Number.isFinite(shard.errSq[i]) && Number.isFinite(shard.xSq[i])) continue;
    const at = { site: sitesText(request.sites), doc: shard.doc[i], pos: shard.pos[i] };
    throw new DataError(
      `Expected a finite reconstruction at site ${at.site}, document ${at.doc ?? 0}, position ${at.pos ?? 0}, found NaN or infinity.`,
      at,
    );
  }
  try {
    const feature = (outputs[ENCODE_OUTPUTS.feature]?.data ?? null) as Int32Array | null;
    collector.add({ feature, value: values.data as Float32Array, capacity: values.dims[1] ?? 0 }, count);
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

interface StoredShard {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  /** [rows, width] by site. */
  readonly act: readonly (Uint16Array | Float32Array)[];
}

/** The activations of the shard's objects, end to end, for every site. @throws DataError where sites hold other rows */
async function readShard({ activations, sites }: EncodeRequest): Promise<StoredShard> {
  const read: SiteRows[] = [];
  for (const [site, files] of activations.entries()) read.push(await readSite(files, sites.widths[site] ?? 0));
  const [first, ...others] = read;
  if (!first) throw new DataError('Expected the activations of a shard in at least one object, found none.');
  const same = (a: Uint32Array, b: Uint32Array): boolean => a.length === b.length && a.every((v, i) => b[i] === v);
  const bad = others.findIndex(({ doc, pos }) => !same(doc, first.doc) || !same(pos, first.pos));
  if (bad < 0) return { doc: first.doc, pos: first.pos, act: read.map(({ act }) => act) };
  const [a, b] = [sites.names[0] ?? '', sites.names[bad + 1] ?? ''];
  throw new DataError(
    `Expected the same rows (doc, pos) of sites ${a} and ${b}, found others; they were not extracted from the same tokens: run \`assay resume --mode all\`.`,
    { sites: [a, b] },
  );
}

interface SiteRows {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly act: Uint16Array | Float32Array;
}

async function readSite(files: readonly string[], width: number): Promise<SiteRows> {
  const pieces: SiteRows[] = [];
  for (const file of files) pieces.push(await readActivations(file));
  const [first] = pieces;
  if (!first) throw new DataError('Expected the activations of a shard in at least one object, found none.');
  for (const { doc, act } of pieces) {
    if (act.length === doc.length * width) continue;
    throw new DataError(
      `Expected activations of width ${width}, found ${act.length / doc.length}; the dictionary is of another site.`,
      { width },
    );
  }
  return pieces.length === 1 ? first : joinPieces(pieces, first, width);
}

function joinPieces(pieces: readonly SiteRows[], first: SiteRows, width: number): SiteRows {
  const rows = pieces.reduce((sum, piece) => sum + piece.doc.length, 0);
  const joined = {
    doc: new Uint32Array(rows),
    pos: new Uint32Array(rows),
    act: new (first.act.constructor as Uint16ArrayConstructor)(rows * width),
  };
  let at = 0;
  for (const { doc, pos, act } of pieces) {
    joined.doc.set(doc, at);
    joined.pos.set(pos, at);
    joined.act.set(act, at * width);
    at += doc.length;
  }
  return joined;
}

/** Feeds of the dictionary's tensors. @throws DataError where the file is of another shape */
async function readParameters(
  { weights }: EncodeRequest,
  dictionary: DictionaryShape,
): Promise<Record<string, TensorValue>> {
  const file = await SafetensorsFile.open(weights);
  try {
    const feeds: Record<string, TensorValue> = {};
    for (const { name, shape } of parametersOf(dictionary)) {
      const place = file.places.get(name);
      if (place?.shape.join() !== shape.join() || place.dtype !== 'F32') {
        const type = place?.dtype === 'F32' ? '' : `${place?.dtype ?? ''} `;
        const found = place ? `${type}[${place.shape.join(', ')}]` : 'none';
        throw new DataError(
          `Expected dictionary tensor ${name} of shape [${shape.join(', ')}], found ${found} in ${weights}.`,
          { tensor: name },
        );
      }
      const data = new Float32Array((await file.read(name))?.bytes.buffer ?? new ArrayBuffer(0));
      feeds[name] = { dtype: 'float32', dims: shape, data };
    }
    return feeds;
  } finally {
    await file.close();
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
