// Runs one item of the activations stage in the worker: fetches tokens and model into the cache, calls the compute child,
// passes on its files. Holds no tensors.
import { cpuClass } from '../../runtime/devices.js';
import { ORT_VERSION } from '../../runtime/session.js';
import { ResourceError } from '../../schemas/errors.js';
import type { EngineRecord, ObjectRecord } from '../../schemas/records.js';
import type { ActivationsConfig, ActivationsInputs } from './config.js';
import { fetchModel } from '../../models/fetch-model.js';
import type { ChildOutput, StageContext, StageResult, WorkItem } from '../stage.js';
import type { ActivationsRequest } from './task.js';
import { sitesOfKeys } from './plan.js';

/** One StageOutput per key of the item, in the order of its keys. */
export async function runActivations(
  item: WorkItem<ActivationsInputs>,
  config: ActivationsConfig,
  context: StageContext,
): Promise<StageResult> {
  const { keyed, aux } = config;
  refuseOtherRuntime(keyed.engine.ort);
  const wanted = sitesOfKeys(config, item.keys).map(({ site, key }) => ({ site, key }));
  const fetch = (object: Parameters<StageContext['cache']['fetch']>[0]): Promise<string> =>
    context.cache.fetch(object, context.signal);
  const [model, tokens] = await Promise.all([
    fetchModel(context.cache, { ...aux, onnx: aux.model }, context.signal),
    Promise.all(tokenObjects(item).map(fetch)),
  ]);
  const request: ActivationsRequest = {
    shard: item.shard,
    input: item.input,
    tokens,
    model,
    keyed,
    sites: aux.sites,
    wanted,
    spool: context.spool,
  };
  const outputs = await context.children.call<ChildOutput[]>('activations', request, {
    signal: context.signal,
    onProgress: (value) => context.progress(value as { tokens: number }),
  });
  const engine: EngineRecord = { ...keyed.engine, cpu: await cpuClass(), sites: [...aux.sites] };
  return {
    finished: true,
    outputs: outputs.map((output, i) => ({ key: item.keys[i] as string, ...output, engine })),
  };
}

/** The stored objects that the item's inputs name, in that order. */
function tokenObjects(item: WorkItem<ActivationsInputs>): ObjectRecord[] {
  const objects = item.aux.objects ?? [];
  return item.inputs.tokens.map((name) => {
    const found = objects.find((object) => object.sha256 === name || object.key === name);
    if (found) return found;
    throw new ResourceError(
      `Expected to know where the tokens object ${name} of shard ${item.shard} lies, found ${objects.length} others. The lot's manifest is damaged: resume the run.`,
      { shard: item.shard, object: name },
    );
  });
}

function refuseOtherRuntime(planned: string): void {
  if (planned === ORT_VERSION) return;
  throw new ResourceError(
    `The run was planned for ONNX Runtime ${planned}, this worker has ${ORT_VERSION}, whose last bits may differ. Use workers with the same release, or start a new revision of the run.`,
    { planned, found: ORT_VERSION },
  );
}
