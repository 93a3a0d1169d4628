// A dictionary that was trained elsewhere, as a step of the train stage: its weights were uploaded when the run was resolved, and
// become the commit that everything after reads. Nothing is computed.
import { digestOf } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { TakenResolved } from '../../schemas/resolved-run.js';
import { datasetNames } from '../dataset-names.js';
import { keyOf } from '../definition.js';
import type { StageContext, StageResult, WorkItem } from '../stage.js';
import { unitsOf, type Step, type StepUnits } from '../step.js';
import type { TakenConfig } from './config.js';

const PREFIX = 'taken/';

/** Subject of the step that takes a dictionary. */
export function takenSubject(name: string): string {
  return PREFIX + name;
}

/** Name of the dictionary that a step takes; null for one that trains. */
export function takenName(subject: string | null): string | null {
  return subject?.startsWith(PREFIX) === true ? subject.slice(PREFIX.length) : null;
}

/** What is taken: the weights' digest and nothing else. */
export interface TakenInputs {
  readonly taken: string;
}

/** The one item of the step. @param stage name and version of the train stage */
export function planTaken(
  {
    run,
    dictionary,
    stage,
  }: { readonly run: string; readonly dictionary: TakenResolved; readonly stage: Parameters<typeof keyOf>[0] },
  step: Step,
): StepUnits {
  const { name, sae, taken } = dictionary;
  const config: TakenConfig = {
    keyed: { taken: taken.weights.sha256 },
    aux: { name, features: sae.features, weights: taken.weights, format: taken.format, notes: taken.notes },
  };
  const { key, preimage } = keyOf(stage, config.keyed);
  const inputs: TakenInputs = { taken: taken.weights.sha256 };
  const item: WorkItem<TakenInputs> = {
    ...{ stage: 'train', keys: [key], input: digestOf(inputs), inputs, shard: 'all', split: null, size: 1, aux: {} },
  };
  return unitsOf(step, {
    units: [{ item, config }],
    keys: new Map([[datasetNames(run).dictionary(name, 'weights'), key]]),
    preimages: [preimage],
  });
}

/** The uploaded weights as the item's output. */
export async function runTaken(
  item: WorkItem,
  { aux }: TakenConfig,
  { cache, signal }: StageContext,
): Promise<StageResult> {
  const [key] = item.keys;
  if (key === undefined) throw new InputError(`Expected one key to take ${aux.name} under, found none.`);
  const path = await cache.fetch(aux.weights, signal);
  const { sha256, bytes } = aux.weights;
  const content = { path, sha256, bytes, extension: 'safetensors' } as const;
  const file = { ...content, table: 'weights', rows: aux.features, batches: [] };
  const statistics = { taken: { format: aux.format, notes: [...aux.notes] } };
  return { finished: true, outputs: [{ key, files: [file], statistics, engine: null }] };
}
