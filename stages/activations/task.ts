// The compute child's part of the activations stage: tokens of one shard through the model, one table per wanted site into
// the spool folder. Its numbers depend on request and engine alone: never on the worker, on other calls or on which of the
// sites were missing.
import { InputError } from '../../schemas/errors.js';
import type { ChildTasks } from '../../runtime/child/serve.js';
import type { ChildContext } from '../../runtime/child/protocol.js';
import type { TensorValue } from '../../runtime/session.js';
import { SessionCache } from '../../runtime/session-cache.js';
import { canonicalJson } from '../../core/identity/canonical-json.js';
import type { ContextBatch } from '../../core/corpus/packing.js';
import { storedWidth } from '../../core/hooks/sites.js';
import type { ActivationsConfig } from './config.js';
import type { ModelEdits } from '../../models/apply-edits.js';
import { loadEdits } from '../../models/edits.js';
import { makeFeeds } from '../../models/feeds.js';
import { loadModel, prepareModel, type ModelPlace, type ModelSession } from '../../models/model-session.js';
import type { ChildOutput } from '../stage.js';
import { storeBytes } from './row-store.js';
import { batchIds, layOutShard, readShardTokens, type ShardRows } from './shard-rows.js';
import { SiteWriter } from './site-writer.js';

export interface ActivationsRequest {
  readonly shard: string;
  /** Digest of the shard's tokens object: the key of the rows' order. */
  readonly input: string;
  /** Local paths of its `tokens` files, in order. */
  readonly tokens: readonly string[];
  readonly model: ModelPlace;
  readonly keyed: ActivationsConfig['keyed'];
  /** All sites of the plan: what the session is cut to. */
  readonly sites: readonly string[];
  /** Sites to write, with the keys under which they will be committed. */
  readonly wanted: readonly { readonly site: string; readonly key: string }[];
  readonly spool: string;
}

export const activationsTasks = { activations: runActivationsTask } satisfies ChildTasks;

/** Models kept loaded: the run's own, and one of a run before it. */
const models = new SessionCache<ModelSession>(2);
/** Memory for rows in waiting, all sites together (a shard of 65,536 × 768 halves); the rest waits in scratch files. */
const ROWS_MEMORY_BYTES = 128 * 2 ** 20;

/** One ChildOutput per wanted site, in that order. @throws DataError for damaged tokens and for values that are not finite */
export async function runActivationsTask(request: ActivationsRequest, context: ChildContext): Promise<ChildOutput[]> {
  const { keyed, sites, wanted, model: place } = request;
  const shard = layOutShard(await readShardTokens(request.tokens), request.input, keyed);
  const { positionStart = 0 } = keyed;
  const key = canonicalJson({ model: keyed.model, place, sites, engine: keyed.engine, positionStart });
  const editsOf = (): Promise<ModelEdits> => loadEdits(keyed.model.edits, place.editValues ?? {});
  const create = async (): Promise<ModelSession> =>
    loadModel(await prepareModel(place, sites, { edits: await editsOf(), positionStart }), keyed.engine);
  return models.use(key, create, async (model) => {
    const writers = openWriters(request, shard, model);
    try {
      const outputs = wanted.map(({ site }) => outputOf(model, site));
      for (const batch of shard.batches) {
        const values = await runPass(model, { request, shard, batch, outputs });
        writers.forEach((writer, i) => writer.take(batch, values[outputs[i] ?? ''] as TensorValue));
        context.progress({ tokens: batch.contexts.length * batch.length });
      }
      const results: ChildOutput[] = [];
      for (const writer of writers) results.push(await writer.finish());
      return results;
    } finally {
      for (const writer of writers) writer.close();
    }
  });
}

function openWriters(request: ActivationsRequest, shard: ShardRows, model: ModelSession): SiteWriter[] {
  const { keyed, wanted, spool } = request;
  const rows = shard.place.length;
  let memoryBytes = ROWS_MEMORY_BYTES;
  return wanted.map(({ site, key }, ordinal) => {
    const found = model.sites.find((s) => s.name === site);
    const width = (found && storedWidth(found)) ?? 0;
    const size = { rows, width, dtype: keyed.dtype };
    const writer = new SiteWriter(shard, {
      ...size,
      site,
      key,
      shard: request.shard,
      modelReference: canonicalJson(keyed.model),
      spool,
      ordinal,
      memoryBytes,
    });
    memoryBytes -= storeBytes(size) <= memoryBytes ? storeBytes(size) : 0;
    return writer;
  });
}

function outputOf(model: ModelSession, site: string): string {
  const output = model.outputs[model.sites.findIndex((s) => s.name === site)];
  if (output !== undefined) return output;
  const names = model.sites.map((s) => s.name).join(', ');
  throw new InputError(`Expected a site of the plan (${names}), found "${site}".`, { site });
}

interface Pass {
  readonly request: ActivationsRequest;
  readonly shard: ShardRows;
  readonly batch: ContextBatch;
  readonly outputs: readonly string[];
}

async function runPass(
  { session, inputs }: ModelSession,
  { request, shard, batch, outputs }: Pass,
): Promise<Record<string, TensorValue>> {
  const ids = batchIds(shard, batch, request.keyed.prependId ?? 0);
  return session.run(makeFeeds(inputs, { ids, length: batch.length }), [...new Set(outputs)]);
}
