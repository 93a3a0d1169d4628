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
  const fetched: string[] = [];
  for (const object of item.aux.objects ?? []) fetched.push(await cache.fetch(object, signal));
  const request: EncodeRequest = {
    spool,
    key,
    shard: item.shard,
    config: config.keyed,
    sites: aux.sites,
    model: aux.model ?? '',
    architecture: aux.architecture,
    features: aux.features,
    settings: aux.settings,
    weights,
    activations: bySite(fetched, item.inputs),
  };
  const { output, engine } = await children.call<EncodeResponse>(ENCODE_TASK, request, {
    signal,
    onProgress: (rows) => context.progress({ rows: rows as number }),
  });
  return { finished: true, outputs: [{ key, ...output, engine }] };
}

/** The files of each site: the objects lie end to end, as many for each site as its inputs name. */
function bySite(files: readonly string[], { activations }: EncodeInputs): string[][] {
  const lists = activations.every((own) => typeof own === 'string') ? [activations] : activations;
  let at = 0;
  return lists.map((own) => files.slice(at, (at += own.length)));
}
