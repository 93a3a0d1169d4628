// What became of the models of a training: one entry each, from commits and quarantine alone.
import type { z } from 'zod';
import { datasetDigest } from '../../core/identity/digest.js';
import type { modelTrainDocument } from '../../schemas/documents/models.js';
import type { Commit } from '../../schemas/records.js';
import { estimateMemory } from '../../stages/language-model/estimate-memory.js';
import type { ResolvedModel, ResolvedTraining } from '../../schemas/resolved-training.js';
import { modelDataset, parameterCount } from '../../stages/language-model/stage.js';
import type { StepUnits } from '../../stages/step.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestCheckpoint } from '../../storage/records/checkpoints.js';
import { getCommit } from '../../storage/records/commits.js';
import { getQuarantine } from '../../storage/records/quarantine.js';

export type TrainDocument = z.infer<typeof modelTrainDocument>;
type ModelEntry = TrainDocument['models'][number];

/** A model's entry with its commit, where it is finished. */
export interface TrainedSummary {
  readonly entry: ModelEntry;
  readonly commit: Commit | null;
}

/** One summary per model, in the order of the file. @param units null: the models are not planned yet */
export async function summarise(
  store: ObjectStore,
  training: ResolvedTraining,
  units: StepUnits | null,
): Promise<TrainedSummary[]> {
  const summaries: TrainedSummary[] = [];
  for (const [i, model] of training.models.entries()) {
    const key = units?.datasets[i]?.key ?? null;
    const item = units?.groups.find(({ group }) => group === key)?.units[0]?.item;
    const settled = settledEntry(training, model, key);
    if (key === null || !item) {
      summaries.push({ entry: settled, commit: null });
      continue;
    }
    const address = { stage: 'language-model', key, input: item.input } as const;
    const commit = await getCommit(store, address);
    const entry = commit
      ? { ...settled, ...finished(commit, settled) }
      : { ...settled, ...(await unfinished(store, address)) };
    summaries.push({ entry, commit });
  }
  return summaries;
}

function settledEntry({ name }: ResolvedTraining, model: ResolvedModel, key: string | null): ModelEntry {
  const { keyed } = model.config;
  const { steps, batch } = keyed.training;
  return {
    model: model.name,
    key,
    state: 'open',
    architecture: keyed.model.architecture,
    parameters: parameterCount(keyed.model),
    steps,
    tokens: steps * batch * keyed.model.contextTokens,
    memoryBytes: estimateMemory(keyed),
    step: 0,
    losses: { fit: null, calib: null, test: null },
    dataset: modelDataset(name, model.name),
    digest: null,
    error: null,
  };
}

function finished(commit: Commit, { steps }: ModelEntry): Partial<ModelEntry> {
  return {
    state: 'done',
    step: steps,
    losses: commit.statistics['losses'] as ModelEntry['losses'],
    digest: datasetDigest(commit.objects),
  };
}

async function unfinished(
  store: ObjectStore,
  address: { readonly stage: string; readonly key: string; readonly input: string },
): Promise<Partial<ModelEntry>> {
  const checkpoint = await latestCheckpoint(store, address.key);
  const bad = await getQuarantine(store, address);
  const step = checkpoint?.step ?? 0;
  if (!bad) return { step };
  const { errorClass, message, details } = bad;
  return { step, state: 'failed', error: { class: errorClass, message, details } };
}
