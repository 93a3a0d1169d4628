// Cross-entropy of the model on the documents of one shard: as it is, with the dictionary's reconstruction in place of what it
// writes, with the mean of the calib rows, and with zeros there. Contexts, passes and rows are those of the activations stage;
// only stored rows are replaced, prepended and dropped positions pass clean.
//
//   nats of a document = Σ −log p(next token) over the tokens of the document that a context predicts, prepended ids never
//   counted as targets; a token that opens a context without a prepended id is predicted by nothing
import { NONE } from '../../core/corpus/packing.js';
import type { ContextBatch } from '../../core/corpus/packing.js';
import { parameterFeed } from '../../core/dictionaries/splice-graph.js';
import { parametersOf } from '../../core/dictionaries/state.js';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { makeFeeds } from '../../models/feeds.js';
import type { ModelSession } from '../../models/model-session.js';
import { LOSSES, type ModelDictionary, ROWS_FEED, vectorFeed } from '../../models/splice-dictionaries.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import { SessionCache } from '../../runtime/session-cache.js';
import type { TensorValue } from '../../runtime/session.js';
import { DataError } from '../../schemas/errors.js';
import { batchIds, layOutShard, readShardTokens, type ShardRows } from '../activations/shard-rows.js';
import type { ActivationsConfig } from '../activations/config.js';
import type { Basis } from './basis-file.js';
import type { SumsConfig } from './config.js';
import { type Held, type LossModels, loadModels } from './loss-models.js';
import { placedDictionary } from './measure-rows.js';
import type { SumsRequest } from './messages.js';
import { LOSS_COLUMNS } from './sums-file.js';

const models = new SessionCache<Held>(1);

/** Sums by document in the order of LOSS_COLUMNS; null where the model has no logits. */
export type LossesByDocument = ReadonlyMap<number, Float64Array>;

/** A dictionary that stands beside the one that is measured. */
export interface LoadedDictionary {
  readonly dictionary: ModelDictionary;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

interface Measured {
  readonly basis: Basis;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly together: readonly LoadedDictionary[];
  readonly isLeftOut: (doc: number) => boolean;
}

/** @param of `isLeftOut`: documents that are not measured */
export async function measureLosses(
  request: SumsRequest,
  of: Measured,
  context: ChildContext,
): Promise<LossesByDocument | null> {
  const { config, model: place } = request;
  const { keyed } = config;
  if (place === null || keyed.model === null) return null;
  const tokens = await readShardTokens(request.tokens);
  const shard = layOutShard(tokens, '', keyed.model);
  const documents = documentsOfTokens(tokens);
  const wanted = wantedDocuments(tokens, keyed.lossTokens, of.isLeftOut);
  const { dictionary, together = [] } = keyed;
  const key = canonicalJson({ place, model: keyed.model, sites: config.aux.sites, dictionary, together });
  const all = dictionariesOf(config, of).map((own) => own.dictionary);
  const create = (): Promise<Held> => loadModels(place, keyed.model as ActivationsConfig['keyed'], all);
  return models.use(key, create, async ({ loaded }) => {
    if (loaded === null) return null;
    const sums = new Map<number, Float64Array>();
    const feeds = fixedFeeds(config, of);
    const features = Math.max(...all.map((own) => own.features));
    for (const batch of shard.batches.flatMap((whole) => passesOf(whole, features))) {
      const pass = preparePass(shard, batch, { documents, wanted, prependId: keyed.model?.prependId ?? 0 });
      if (pass === null) continue;
      const nats = await runPasses(loaded, pass, feeds);
      addLosses(sums, pass, nats);
      context.progress({ tokens: pass.rows.length });
    }
    return sums;
  });
}

/** Scores of a dictionary in the model's graph that are held at once: 1 GiB. */
const MOST_SCORES = 2 ** 28;

/** A batch in parts so small that the scores of a dictionary [contexts, length, features] have room; a context is never divided. */
export function passesOf({ length, contexts }: ContextBatch, features: number): ContextBatch[] {
  const each = Math.max(1, Math.floor(MOST_SCORES / (length * features)));
  return Array.from({ length: Math.ceil(contexts.length / each) }, (_, i) => ({
    length,
    contexts: contexts.slice(i * each, (i + 1) * each),
  }));
}

/** All that stand in the model's place at once. */
function dictionariesOf(config: SumsConfig, { weights, together }: Measured): LoadedDictionary[] {
  return [{ dictionary: { ...placedDictionary(config), sites: config.aux.sites }, weights }, ...together];
}

interface FixedFeeds {
  readonly dictionary: Record<string, TensorValue>;
  readonly mean: Record<string, TensorValue>;
  readonly zero: Record<string, TensorValue>;
}

function fixedFeeds(config: SumsConfig, of: Measured): FixedFeeds {
  const all = dictionariesOf(config, of);
  const known = config.aux.basisSites ?? config.aux.sites.names;
  const written = all.flatMap(({ dictionary: { sites } }) =>
    sites.writes.map((place) => ({ name: sites.names[place] ?? '', width: sites.widths[place] ?? 0 })),
  );
  const vectors = (make: (site: (typeof written)[number]) => Float32Array): Record<string, TensorValue> =>
    Object.fromEntries(
      written.map((site) => {
        const data = make(site);
        return [vectorFeed(site.name), { dtype: 'float32', dims: [data.length], data }];
      }),
    );
  return {
    dictionary: Object.fromEntries(
      all.flatMap(({ dictionary, weights }) =>
        parametersOf(dictionary).map(({ name, shape }) => [
          parameterFeed(dictionary, name),
          { dtype: 'float32', dims: shape, data: weights.get(name) as Float32Array },
        ]),
      ),
    ),
    mean: vectors(({ name }) => Float32Array.from(of.basis.sites[known.indexOf(name)]?.meanCalib ?? [])),
    zero: vectors(({ width }) => new Float32Array(width)),
  };
}

interface Pass {
  readonly length: number;
  readonly ids: Uint32Array;
  /** 1 for a stored row, by slot. */
  readonly rows: Uint8Array;
  readonly targets: BigInt64Array;
  /** Document of each slot's target; NONE: nothing is counted there. */
  readonly documentOf: Uint32Array;
}

interface Chosen {
  /** Document number of each token. */
  readonly documents: Uint32Array;
  readonly wanted: ReadonlySet<number>;
  readonly prependId: number;
}

/** What one pass feeds and counts; null where it has no target of a wanted document. */
function preparePass(shard: ShardRows, batch: ContextBatch, { documents, wanted, prependId }: Chosen): Pass | null {
  const { packing, rowOfSlot, ids } = shard;
  const { length } = batch;
  const has = (k: number): boolean => {
    for (let slot = packing.starts[k] as number; slot < (packing.starts[k + 1] as number); slot++) {
      const token = packing.slots[slot] as number;
      if (token !== NONE && wanted.has(documents[token] as number)) return true;
    }
    return false;
  };
  const contexts = batch.contexts.filter(has);
  if (contexts.length === 0) return null;
  const slots = contexts.length * length;
  const pass = {
    length,
    ids: batchIds(shard, { length, contexts }, prependId),
    rows: new Uint8Array(slots),
    targets: new BigInt64Array(slots),
    documentOf: new Uint32Array(slots).fill(NONE),
  };
  contexts.forEach((k, b) => {
    const start = packing.starts[k] as number;
    for (let i = 0; i < length; i++) {
      const at = b * length + i;
      if ((rowOfSlot[start + i] as number) !== NONE) pass.rows[at] = 1;
      const next = i + 1 < length ? (packing.slots[start + i + 1] as number) : NONE;
      if (next === NONE) continue;
      const doc = documents[next] as number;
      if (!wanted.has(doc)) continue;
      pass.targets[at] = BigInt(ids[next] as number);
      pass.documentOf[at] = doc;
    }
  });
  return pass;
}

type Nats = { readonly [Column in Exclude<(typeof LOSS_COLUMNS)[number], 'tokens'>]: Float32Array };

async function runPasses({ ablated, spliced }: LossModels, pass: Pass, fixed: FixedFeeds): Promise<Nats> {
  const dims = [pass.rows.length / pass.length, pass.length];
  const shared = (model: ModelSession, rows: Uint8Array): Record<string, TensorValue> => ({
    ...makeFeeds(model.inputs, { ids: pass.ids, length: pass.length }),
    [ROWS_FEED]: { dtype: 'bool', dims, data: rows },
    [LOSSES.targets]: { dtype: 'int64', dims, data: pass.targets },
  });
  const run = async (
    model: ModelSession,
    rows: Uint8Array,
    feeds: Record<string, TensorValue>,
  ): Promise<Float32Array> => {
    const [output = LOSSES.nats] = model.outputs;
    const values = await model.session.run({ ...shared(model, rows), ...feeds }, [output]);
    return values[output]?.data as Float32Array;
  };
  return {
    clean: await run(ablated, new Uint8Array(pass.rows.length), fixed.zero),
    dictionary: await run(spliced, pass.rows, fixed.dictionary),
    mean: await run(ablated, pass.rows, fixed.mean),
    zero: await run(ablated, pass.rows, fixed.zero),
  };
}

function addLosses(sums: Map<number, Float64Array>, pass: Pass, nats: Nats): void {
  const columns = LOSS_COLUMNS.map((name) => (name === 'tokens' ? null : nats[name]));
  pass.documentOf.forEach((doc, at) => {
    if (doc === NONE) return;
    const own = sums.get(doc) ?? new Float64Array(LOSS_COLUMNS.length);
    sums.set(doc, own);
    columns.forEach((values, c) => {
      const value = values === null ? 1 : (values[at] as number);
      if (!Number.isFinite(value))
        throw new DataError(`Expected a finite loss in document ${doc}, found ${value} (${LOSS_COLUMNS[c] ?? ''}).`, {
          doc,
        });
      own[c] = (own[c] as number) + value;
    });
  });
}

/** Documents in order until the tokens are enough; at least one. */
function wantedDocuments(
  { doc, offsets }: Awaited<ReturnType<typeof readShardTokens>>,
  most: number,
  isLeftOut: (doc: number) => boolean,
): Set<number> {
  const wanted = new Set<number>();
  let tokens = 0;
  for (let i = 0; i < doc.length && (tokens < most || wanted.size === 0); i++) {
    const number = doc[i] as number;
    if (isLeftOut(number)) continue;
    wanted.add(number);
    tokens += (offsets[i + 1] as number) - (offsets[i] as number);
  }
  return wanted;
}

function documentsOfTokens({ doc, offsets }: Awaited<ReturnType<typeof readShardTokens>>): Uint32Array {
  const result = new Uint32Array(offsets.at(-1) ?? 0);
  for (let d = 0; d + 1 < offsets.length; d++) result.fill(doc[d] as number, offsets[d], offsets[d + 1]);
  return result;
}
