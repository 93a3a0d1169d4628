// Checkpoints of a training in the store: the state's tensors as one file, counters and log in the record.
import path from 'node:path';
import { z } from 'zod';
import { digestOf } from '../../core/identity/digest.js';
import { DataError } from '../../schemas/errors.js';
import { latestCheckpoint, putCheckpoint } from '../../storage/records/checkpoints.js';
import { fetchDataToFile } from '../../storage/records/data-stream.js';
import type { StageContext } from '../stage.js';
import type { CheckpointState, TrainDictionary, TrainedDictionary } from './messages.js';

const count = z.number().int().nonnegative();
const nullable = z.number().nullable();

const checkpointState = z.strictObject({
  step: count,
  cursor: z.strictObject({ epoch: count, index: count, row: count }),
  log: z.array(
    z.strictObject({
      split: z.enum(['fit', 'calib']),
      step: count,
      tokens: count,
      loss: z.number(),
      fvu: nullable,
      l0: z.number(),
      deadFraction: z.number(),
      lr: z.number(),
      gradNorm: nullable,
    }),
  ),
  shuffle: z.strictObject({ batches: count, partners: nullable, ideal: nullable }).nullable(),
});

/** The last checkpoint of a training as a local file and its counters; null where there is none. @throws DataError where it is damaged */
export async function fetchCheckpoint(
  key: string,
  context: StageContext,
): Promise<TrainDictionary['checkpoint']> {
  const { store, spool, signal } = context;
  const record = await latestCheckpoint(store, checkpointKey(key, context));
  if (record === null) return null;
  const chunk = record.chunks[0];
  const parsed = checkpointState.safeParse(record.state);
  if (!chunk || !parsed.success) {
    const text = `Expected the checkpoint of training ${key} at step ${record.step} to hold tensors, counters and log, found ${parsed.error?.message ?? 'no tensors'}; delete checkpoints/${key}/ and \`assay resume\`.`;
    throw new DataError(text, { key, step: record.step });
  }
  const file = path.join(spool, `${key}.checkpoint.safetensors`);
  await fetchDataToFile(store, chunk, { path: file, signal });
  return { path: file, state: parsed.data };
}

/** Stores what the child wrote. */
export async function storeCheckpoint(
  trained: TrainedDictionary,
  context: StageContext,
): Promise<void> {
  if (!trained.checkpoint) return;
  const { store, signal } = context;
  const { file, state } = trained.checkpoint;
  const chunks = [{ name: 'state', file: { ...file, extension: 'safetensors' as const } }];
  await putCheckpoint(store, {
    key: checkpointKey(trained.key, context),
    step: trained.step,
    chunks,
    state: recordOf(state),
    signal,
  });
}

/** A recomputation (mode `all`) has checkpoints of its own, or it would only repeat the old one's last state. */
export function checkpointKey(key: string, { recomputation }: StageContext): string {
  return recomputation === undefined ? key : digestOf({ key, recomputation });
}

function recordOf(state: CheckpointState): Record<string, unknown> {
  return { ...state };
}
