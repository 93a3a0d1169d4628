// Settings of the encode stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { SaeConfig } from '../../schemas/run-file.js';
import type { EngineConfig, StoredFile } from '../../schemas/stored.js';

export interface EncodeConfig {
  readonly keyed: {
    /** Digest of the dictionary's safetensors file: its identity. */
    readonly dictionary: string;
    readonly activationsKey: string;
    readonly dtype: 'float16' | 'float32';
    readonly engine: EngineConfig;
  };
  readonly aux: {
    readonly name: string;
    readonly site: string;
    readonly width: number;
    readonly features: number;
    readonly k: number;
    readonly weights: StoredFile;
    /** Default topk. */ readonly architecture?: SaeConfig['architecture'];
    /** Model reference of the activations, for the files' metadata. */
    readonly model?: string | undefined;
  };
}

/** One shard of activations of the dictionary's site. */
export interface EncodeInputs {
  readonly activations: readonly string[];
}
