// What the record of a dictionary's checkpoint holds beside its tensors: counters and log.
import { z } from 'zod';
import type { StageContext } from '../stage.js';
import { fetchTrainingCheckpoint } from '../training-checkpoints.js';
import type { TrainDictionary } from './messages.js';

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
