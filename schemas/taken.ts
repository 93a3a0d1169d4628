// Dictionaries that were trained elsewhere, as records and run files speak of them.
import { z } from 'zod';

/** Whose files can be read. */
export const TAKEN_FORMATS = [
  'saelens',
  'sparsify',
  'dictionary_learning',
  'openai',
  'gemma-scope',
  'circuit-tracer',
  'assay',
] as const;
export type TakenFormat = (typeof TAKEN_FORMATS)[number];

/** What a source does to every row of activations before it encodes it; core/dictionaries/input-transform.ts has the equations. */
export const INPUT_TRANSFORMS = ['scale', 'centre', 'layernorm'] as const;
export type InputTransform = (typeof INPUT_TRANSFORMS)[number];
export const inputTransform = z
  .enum(INPUT_TRANSFORMS)
  .describe('of each row: scale to the norm √d; centre to the mean 0; layernorm to the mean 0 and the deviation 1');
