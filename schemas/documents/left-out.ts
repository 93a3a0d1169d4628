// Part of several documents: what a dataset that is complete leaves out.
import { z } from 'zod';

export const leftOutList = z
  .array(z.strictObject({ dataset: z.string(), shards: z.number().int().positive() }))
  .describe('quarantined shards of the stages that it is made from: what they hold is in no number here');
