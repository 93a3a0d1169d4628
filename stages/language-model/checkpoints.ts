// Checkpoints of a language model's training in the store: the state's tensors as one file, counters and log in the record.
import path from 'node:path';
import { z } from 'zod';
import { DataError } from '../../schemas/errors.js';
import { latestCheckpoint, putCheckpoint } from '../../storage/records/checkpoints.js';
import { fetchDataToFile } from '../../storage/records/data-stream.js';
import type { StageContext } from '../stage.js';
import { checkpointKey } from '../train/checkpoint-files.js';
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
export async function fetchModelCheckpoint(
  key: string,
  context: StageContext,
): Promise<LanguageModelRequest['checkpoint']> {
  const { store, spool, signal } = context;
  const record = await latestCheckpoint(store, checkpointKey(key, context));
  if (record === null) return null;
  const chunk = record.chunks[0];
  const parsed = checkpointState.safeParse(record.state);
  if (!chunk || !parsed.success) {
    const found = parsed.error?.issues[0]?.message ?? 'no tensors';
    throw new DataError(
      `Expected the checkpoint of training ${key} at step ${record.step} to hold tensors, step and log, found ${found}; delete checkpoints/${key}/ and train again.`,
      { key, step: record.step },
    );
  }
  const file = path.join(spool, `${key}.checkpoint.safetensors`);
  await fetchDataToFile(store, chunk, { path: file, signal });
  return { path: file, state: parsed.data };
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
