// Checkpoints of a training in the store: the state's tensors as one file, counters and log in the record.
import { z } from 'zod';
import { putCheckpoint } from '../../storage/records/checkpoints.js';
import type { StageContext } from '../stage.js';
import { checkpointKey, fetchTrainingCheckpoint } from '../training-checkpoints.js';
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
export function fetchCheckpoint(key: string, context: StageContext): Promise<TrainDictionary['checkpoint']> {
  return fetchTrainingCheckpoint(key, checkpointState, context);
}

/** Stores what the child wrote. */
export async function storeCheckpoint(trained: TrainedDictionary, context: StageContext): Promise<void> {
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

function recordOf(state: CheckpointState): Record<string, unknown> {
  return { ...state };
}
