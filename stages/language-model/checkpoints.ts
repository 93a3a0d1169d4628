// Checkpoints of a language model's training in the store: the state's tensors as one file, counters and log in the record.
import { z } from 'zod';
import { putCheckpoint } from '../../storage/records/checkpoints.js';
import type { StageContext } from '../stage.js';
import { checkpointKey, fetchTrainingCheckpoint } from '../training-checkpoints.js';
import type { Checkpoint, LanguageModelRequest } from './messages.js';

const count = z.number().int().nonnegative();

const checkpointState = z.strictObject({
  step: count,
  log: z.array(
    z.strictObject({
      split: z.enum(['fit', 'calib', 'test']),
      step: count,
      tokens: count,
      loss: z.number(),
      lr: z.number(),
      gradNorm: z.number().nullable(),
    }),
  ),
});

/** The last checkpoint of a training as a local file and its counters; null where there is none. @throws DataError where it is damaged */
export function fetchModelCheckpoint(key: string, context: StageContext): Promise<LanguageModelRequest['checkpoint']> {
  return fetchTrainingCheckpoint(key, checkpointState, context);
}

/** Stores what the child wrote. */
export async function storeModelCheckpoint(
  key: string,
  { file, state }: Checkpoint,
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
