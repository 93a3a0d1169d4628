// The activations stage: tokens of a shard through the model, the wanted sites' vectors into tables.
import { BYTES_PER_TOKEN } from '../../core/corpus/shard-plan.js';
import type { KeyPreimage } from '../../core/identity/digest.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import { keyOf, type StageDefinition } from '../definition.js';
import { datasetNames } from '../dataset-names.js';
import { cores, ROW_BYTES, SPEED } from '../nominal-speed.js';
import { stepOf } from '../step.js';
import { tokensKey } from '../tokens/stage.js';
import type { Work } from '../work.js';
import { activationsConfig, type ActivationsConfig } from './config.js';
import { givenModelFiles, modelDatasets, type ModelFiles } from './run-model-files.js';

export const activationsStage: StageDefinition<ActivationsConfig> = {
  name: 'activations',
  version: 3,
  config: activationsConfig,
  queue: 'compute',
  maxLotSize: 2 ** 21,
  chained: false,
  unit: 'tokens',
  mayQuarantine: () => true,
  steps: (work) => {
    const run = work.extraction;
    if (!run || run.sites.length === 0) return [];
    const names = datasetNames(run.name);
    const model = givenModelFiles(run);
    const keys = model ? siteKeys(activationsSettings(run, model)) : null;
    const makes = run.sites.map(({ name }, i) => ({
      dataset: names.activations(name),
      tables: ['activations'],
      key: keys?.[i]?.key ?? null,
    }));
    return [stepOf('activations', null, { reads: [names.tokens, ...modelDatasets(run)], makes })];
  },
  estimate: estimateActivations,
};

function estimateActivations(
  { extraction }: Work,
  _step: unknown,
  { shards, textBytes }: { readonly shards: number; readonly textBytes: number },
): ReturnType<StageDefinition<never>['estimate']> {
  if (!extraction) return { items: 0, bytes: 0, seconds: 0 };
  const tokens = textBytes / BYTES_PER_TOKEN;
  const { layers, width } = extraction.model;
  const valueBytes = { float16: 2, float32: 4 }[extraction.file.activations.dtype];
  const rowBytes = extraction.sites.reduce((n, site) => n + site.width * valueBytes + ROW_BYTES.activationKeys, 0);
  return {
    items: shards,
    bytes: Math.round(tokens * rowBytes),
    seconds: (tokens * 24 * layers * width * width) / SPEED.flops / cores(),
  };
}

/** The settings of the stage, over the files of the run's model. */
export function activationsSettings(run: ResolvedRun, model: ModelFiles): ActivationsConfig {
  const { activations, model: section } = run.file;
  return {
    keyed: {
      tokensKey: tokensKey(run).key,
      model: model.reference,
      contextTokens: section.contextTokens,
      prependId: run.model.prependId,
      ...(run.model.positionStart ? { positionStart: run.model.positionStart } : {}),
      packing: section.packing,
      dropPositions: [...new Set(activations.dropPositions)].sort((a, b) => a - b),
      ...dropTokens(activations.dropTokens ?? []),
      dtype: activations.dtype,
      batchTokens: activations.batchTokens,
      engine: run.engine,
    },
    aux: {
      sites: run.sites.map((s) => s.name),
      model: model.onnx,
      external: model.external,
      ...(model.editValues && { editValues: model.editValues }),
    },
  };
}

/** Enters the key only where it says something. */
function dropTokens(ids: readonly number[]): { readonly dropTokens?: readonly number[] } {
  return ids.length === 0 ? {} : { dropTokens: [...new Set(ids)].sort((a, b) => a - b) };
}

export interface SiteKey {
  readonly site: string;
  readonly key: string;
  readonly preimage: KeyPreimage;
}

/** The key of every site of the stored plan, in the plan's order. */
export function siteKeys(config: ActivationsConfig): SiteKey[] {
  return config.aux.sites.map((site) => ({ site, ...keyOf(activationsStage, { ...config.keyed, site }) }));
}
