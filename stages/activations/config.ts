// Settings of the activations stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { EngineConfig, ModelReference, StoredFile } from '../../schemas/stored.js';

export interface ActivationsConfig {
  /** Shared by all sites; the key of a site is made of these and its name. */
  readonly keyed: {
    readonly tokensKey: string;
    readonly model: ModelReference;
    readonly contextTokens: number;
    readonly prependId: number | null;
    readonly packing: 'document' | 'concatenate';
    readonly dropPositions: readonly number[];
    readonly dtype: 'float16' | 'float32';
    readonly batchTokens: number;
    readonly engine: EngineConfig;
  };
  readonly aux: {
    /** All sites of the stored plan, sorted: the session is always cut to these. */
    readonly sites: readonly string[];
    readonly model: StoredFile;
    /** External-data files by the location that the ONNX file names. */
    readonly external: readonly (StoredFile & { readonly location: string })[];
    /** Tensors that the model's edits read; left out where it has none. */
    readonly editValues?: readonly StoredFile[] | undefined;
  };
}

/** One token shard: its `tokens` objects. Rows are permuted by digestOf of this object. */
export interface ActivationsInputs {
  readonly tokens: readonly string[];
}
