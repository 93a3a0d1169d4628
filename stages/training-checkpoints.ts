// Checkpoints of trainings as the stages that train use them: one file of tensors, and counters of the stage's own shape.
import path from 'node:path';
import type { z } from 'zod';
import { digestOf } from '../core/identity/digest.js';
import { DataError } from '../schemas/errors.js';
import { latestCheckpoint, putCheckpoint } from '../storage/records/checkpoints.js';
import { fetchDataToFile } from '../storage/records/data-stream.js';
import type { WrittenFile } from '../storage/files/local-file.js';
import type { StageContext } from './stage.js';

/** A checkpoint on this machine. */
export interface LocalCheckpoint<State> {
  readonly path: string;
  readonly state: State;
}

/** The last checkpoint of a training as a local file and its counters; null where there is none. @throws DataError where it is damaged */
export async function fetchTrainingCheckpoint<State>(
  key: string,
  schema: z.ZodType<State>,
  context: StageContext,
): Promise<LocalCheckpoint<State> | null> {
  const { store, spool, signal } = context;
  const record = await latestCheckpoint(store, checkpointKey(key, context));
  if (record === null) return null;
  const chunk = record.chunks[0];
  const parsed = schema.safeParse(record.state);
  if (!chunk || !parsed.success) {
    const found = parsed.error?.issues[0]?.message ?? 'no tensors';
    throw new DataError(
      `Expected the checkpoint of training ${key} at step ${record.step} to hold tensors, counters and log, found ${found}; delete checkpoints/${key}/ and train again (\`assay resume\`, or the same \`assay model train\`).`,
      { key, step: record.step },
    );
  }
  const file = path.join(spool, `${key}.checkpoint.safetensors`);
  await fetchDataToFile(store, chunk, { path: file, signal });
  return { path: file, state: parsed.data };
}

/** Stores what the child wrote: tensors as one object, counters and log in the record. */
export async function storeTrainingCheckpoint(
  key: string,
  { file, state }: { readonly file: WrittenFile; readonly state: { readonly step: number } },
  context: StageContext,
): Promise<void> {
  const { store, signal } = context;
  await putCheckpoint(store, {
    key: checkpointKey(key, context),
    step: state.step,
    chunks: [{ name: 'state', file: { ...file, extension: 'safetensors' } }],
    state: { ...state },
    signal,
  });
}

/** A recomputation (mode `all`) has checkpoints of its own, or it would only repeat the old one's last state. */
function checkpointKey(key: string, { recomputation }: StageContext): string {
  return recomputation === undefined ? key : digestOf({ key, recomputation });
}
