// What is said of a dictionary whose features are divided among experts, in every document that lists its features.
import { z } from 'zod';
import { ROUTED_KINDS } from '../dictionaries.js';

export const routedInfo = z
  .strictObject({
    kind: z.enum(ROUTED_KINDS),
    experts: z.number().int().positive(),
  })
  .optional()
  .describe(
    'present where the features are divided among experts, one of which sees a token: a feature of another cannot fire on it, so a claim that a feature is absent may not rest on its not firing',
  );
