// Settings of the stream stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import type { z } from 'zod';
import { streamSettings } from '../../schemas/resolved-training.js';

/** The tokens of some splits laid end to end, to train a language model on or to measure it. */
export const streamConfig = streamSettings;
export type StreamConfig = z.infer<typeof streamConfig>;

/** The pinned tokens that the stream is made of. */
export interface StreamInputs {
  readonly snapshot: string;
}
