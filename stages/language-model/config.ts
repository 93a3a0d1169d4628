// Settings of the language-model stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { ModelSpec } from '../../core/language-model/model-spec.js';
import type { EngineConfig, StoredFile } from '../../schemas/stored.js';
import type { TrainingSection } from '../../schemas/training-file.js';

export interface LanguageModelConfig {
  readonly keyed: {
    /** All defaults filled in. */
    readonly model: ModelSpec;
    /** Digest of the file with the weights to begin from, or the seed of random ones. */
    readonly init: { readonly file: string } | { readonly seed: number };
    /** Where contexts begin: offsets in a tensor of a file (by digest), or sampled in a keyed order. */
    readonly data:
      | { readonly batches: string; readonly tensor: string }
      | { readonly sampling: 'epochs' | 'random'; readonly seed: number };
    readonly training: Pick<
      TrainingSection,
      'batch' | 'optimiser' | 'schedule' | 'clipNorm' | 'logEverySteps' | 'validateEverySteps'
    > & {
      readonly steps: number;
      /** Parts of a batch that are computed one after another. */
      readonly microBatches: number;
    };
    readonly engine: EngineConfig;
  };
  readonly aux: {
    readonly name: string;
    readonly init: StoredFile | null;
    readonly batches: StoredFile | null;
    /** Of one stored token id. */
    readonly dtype: 'uint16' | 'uint32';
    readonly checkpointMs: number;
  };
}

/** Digests of the streams: trained on, its weights, and what is measured; null where there is none. */
export interface LanguageModelInputs {
  readonly training: string;
  readonly weights: string | null;
  readonly calib: string | null;
  readonly test: string | null;
}
