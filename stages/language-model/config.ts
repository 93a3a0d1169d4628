// Settings of the language-model stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import type { z } from 'zod';
import { languageModelSettings } from '../../schemas/resolved-training.js';

export const languageModelConfig = languageModelSettings;
export type LanguageModelConfig = z.infer<typeof languageModelConfig>;

/** Digests of the streams: trained on, its weights, and what is measured; null where there is none. */
export interface LanguageModelInputs {
  readonly training: string;
  readonly weights: string | null;
  readonly calib: string | null;
  readonly test: string | null;
}
