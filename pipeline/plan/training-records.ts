// What the store keeps of a training beside its results: its resolved configuration as a revision, and its plan, by which
// `status` tells its progress and garbage collection what it needs.
import { z } from 'zod';
import { digestOf, stageKey } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { getRunDocument, listRevisions, putRunDocument } from '../../storage/records/runs.js';
import { datasetNames } from '../../stages/dataset-names.js';
import { writePlan, type PlanRecord } from '../../storage/records/plan-record.js';
import { storeUploads } from './run-records.js';
import type { Upload } from '../resolve/resolve-run.js';
import { corpusPreimage, tokensPreimage } from './stage-settings.js';
import type { StageUnits } from './stage-units.js';
import { modelDataset } from './training-units.js';
import type { ResolvedTraining } from '../resolve/resolve-training.js';

const DOCUMENT = 'training';
const stored = z.looseObject({ kind: z.literal('language-model') });

/** The revision under which this training stands or would stand. @throws InputError where a run has that name */
export async function settleRevision(
  store: ObjectStore,
  training: ResolvedTraining,
): Promise<{ readonly training: ResolvedTraining; readonly known: boolean }> {
  const { name } = training;
  const latest = (await listRevisions(store, name)).at(-1);
  if (latest === undefined) return { training: withRevision(training, 1), known: false };
  const wanted = { document: DOCUMENT, schema: stored } as const;
  const record = await getRunDocument(store, { name, revision: latest }, wanted);
  if (record === null)
    throw new InputError(
      `Expected a name of its own for the training, found that "${name}" is a run in ${store.url}; choose another \`name\`.`,
      { name, store: store.url },
    );
  const same = withRevision(training, latest);
  const known = requestDigest(record as unknown as ResolvedTraining) === requestDigest(same);
  return known ? { training: same, known } : { training: withRevision(training, latest + 1), known };
}

function withRevision(training: ResolvedTraining, revision: number): ResolvedTraining {
  const tokens = training.corpus ? { ...training.tokens, revision } : training.tokens;
  return { ...training, revision, tokens };
}

/** Digest of what is asked for, wherever it is computed and stored. */
function requestDigest(training: ResolvedTraining): string {
  const file = { ...training.file, store: null, storeOptions: null, compute: null };
  const models = training.models.map(({ config, ...rest }) => ({
    ...rest,
    config: { ...config, aux: { ...config.aux, checkpointMs: null } },
  }));
  return digestOf(JSON.parse(JSON.stringify({ ...training, file, models })));
}

/** Stores the given files and the revision. Safe to repeat. */
export async function storeTraining(
  store: ObjectStore,
  training: ResolvedTraining,
  uploads: readonly Upload[],
): Promise<void> {
  await storeUploads(store, uploads);
  await putRunDocument(store, training, {
    document: DOCUMENT,
    value: JSON.parse(JSON.stringify(training)) as unknown,
    schema: z.unknown(),
  });
}

/** The plan of a training as far as it is known. */
export function trainingPlan(training: ResolvedTraining, known: readonly StageUnits[]): PlanRecord {
  const names = datasetNames(training.name);
  const row = (
    stage: PlanRecord['stages'][number]['stage'],
    dataset: string,
    rest: { readonly tables: string[]; readonly key: string | null },
  ): PlanRecord['stages'][number] => {
    const units = known.find((entry) => entry.stage === stage);
    const unit = units?.datasets.find((entry) => entry.dataset === dataset);
    const items = units?.groups.find((entry) => entry.group === unit?.group)?.units;
    return {
      ...{ stage, dataset, tables: rest.tables, key: unit?.key ?? rest.key },
      planned: items?.length ?? null,
      size: items?.reduce((sum, { item }) => sum + item.size, 0) ?? null,
    };
  };
  const { corpus } = training;
  const tokensKey = corpus && stageKey(tokensPreimage(corpus));
  const streams = known.find((entry) => entry.stage === 'stream')?.datasets ?? [];
  return {
    formatVersion: 1,
    run: training.name,
    revision: training.revision,
    stages: [
      ...(corpus
        ? [
            row('corpus', names.corpus, {
              tables: ['source'],
              key: stageKey(corpusPreimage(corpus)),
            }),
            row('tokens', names.documents, { tables: ['documents'], key: tokensKey }),
            row('tokens', names.tokens, { tables: ['tokens'], key: tokensKey }),
          ]
        : []),
      ...streams.map(({ dataset, tables, key }) => row('stream', dataset, { tables: [...tables], key })),
      ...training.models.map(({ name }) =>
        row('language-model', modelDataset(training.name, name), {
          tables: ['model', 'weights', 'training'],
          key: null,
        }),
      ),
    ],
  };
}

/** Writes the plan with what is known by now. */
export function writeTrainingPlan(
  store: ObjectStore,
  training: ResolvedTraining,
  known: readonly StageUnits[],
): Promise<void> {
  return writePlan(store, trainingPlan(training, known));
}
