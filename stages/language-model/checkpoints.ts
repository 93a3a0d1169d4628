// What the record of a language model's checkpoint holds beside its tensors: counters and log.
import { z } from 'zod';
import type { StageContext } from '../stage.js';
import { fetchTrainingCheckpoint } from '../training-checkpoints.js';
import type { LanguageModelRequest } from './messages.js';

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
