// Settings of the encode stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import type { KindSettings } from '../../core/dictionaries/architecture.js';
import type { NamedSites } from '../../core/dictionaries/sites.js';
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { EngineConfig, StoredFile } from '../../schemas/stored.js';

/** The activations of the dictionary's one site, or of all its sites in the order of `aux.sites`. */
export type ActivationKeys = { readonly activationsKey: string } | { readonly activationsKeys: readonly string[] };

export interface EncodeConfig {
  readonly keyed: ActivationKeys & {
    /** Digest of the dictionary's safetensors file: its identity. Kind and settings stand in it. */
    readonly dictionary: string;
    readonly dtype: 'float16' | 'float32';
    readonly engine: EngineConfig;
  };
  readonly aux: {
    readonly name: string;
    readonly sites: NamedSites;
    readonly architecture: ArchitectureName;
    readonly features: number;
    readonly settings: KindSettings;
    readonly weights: StoredFile;
    /** Model reference of the activations, for the files' metadata. */
    readonly model?: string | undefined;
  };
}

/** Keys of the activations, by site. */
export function activationKeys(keyed: ActivationKeys): readonly string[] {
  return 'activationsKey' in keyed ? [keyed.activationsKey] : keyed.activationsKeys;
}

/** One shard of activations of the dictionary's site; of several sites, a list for each. */
export interface EncodeInputs {
  readonly activations: readonly string[] | readonly (readonly string[])[];
}
