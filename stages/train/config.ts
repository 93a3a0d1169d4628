// Settings of the train stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { SaeConfig } from '../../schemas/run-file.js';
import type { EngineConfig } from '../../schemas/stored.js';

export interface TrainConfig {
  readonly keyed: {
    readonly activationsKey: string;
    readonly site: string;
    readonly dtype: 'float16' | 'float32';
    readonly runSeed: number;
    /** All defaults filled in; without `name` and `hook`. */
    readonly sae: Omit<SaeConfig, 'name' | 'hook'>;
    readonly engine: EngineConfig;
  };
  readonly aux: {
    readonly name: string;
    readonly width: number;
    /** Model reference of the activations, for the files' metadata. */
    readonly model?: string | undefined;
  };
}

/** The pinned activations: digest over their fit and calib objects. */
export interface TrainInputs {
  readonly snapshot: string;
}
