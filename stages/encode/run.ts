// Encodes one shard on the worker's side: fetches the dictionary and the activations, has the child compute, hands on.
import { InputError } from '../../schemas/errors.js';
import type { EncodeConfig, EncodeInputs } from './config.js';
import type { StageContext, StageResult, WorkItem } from '../stage.js';
import { ENCODE_TASK, type EncodeRequest, type EncodeResponse } from './messages.js';

/** Has one shard encoded. */
export async function runEncode(
  item: WorkItem<EncodeInputs>,
  config: EncodeConfig,
  context: StageContext,
): Promise<StageResult> {
  const { cache, signal, spool, children } = context;
  const [key] = item.keys;
  const { aux } = config;
  if (key === undefined) throw new InputError(`Expected one key to encode shard ${item.shard} under, found none.`);
  const weights = await cache.fetch(aux.weights, signal);
  const activations: string[] = [];
  for (const object of item.aux.objects ?? []) activations.push(await cache.fetch(object, signal));
  const request: EncodeRequest = {
    spool,
    key,
    shard: item.shard,
    config: config.keyed,
    site: aux.site,
    model: aux.model ?? '',
    architecture: aux.architecture ?? 'topk',
    width: aux.width,
    features: aux.features,
    k: aux.k,
    weights,
    activations,
  };
  const { output, engine } = await children.call<EncodeResponse>(ENCODE_TASK, request, {
    signal,
    onProgress: (rows) => context.progress({ rows: rows as number }),
  });
  return { finished: true, outputs: [{ key, ...output, engine }] };
}
