// Settings of the train stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.
import type { DictionarySettings } from '../../core/dictionaries/settings.js';
import { placeSites, sitesText } from '../../core/dictionaries/sites.js';
import type { EngineConfig } from '../../schemas/stored.js';

/** The activations of one site. */
export interface Source {
  readonly activationsKey: string;
  readonly site: string;
}

/** What a dictionary reads and writes: one site, or lists of sites. */
export type Sources = Source | { readonly reads: readonly Source[]; readonly writes: readonly Source[] };

export interface TrainConfig {
  readonly keyed: Sources & {
    readonly dtype: 'float16' | 'float32';
    readonly runSeed: number;
    readonly sae: DictionarySettings;
    readonly engine: EngineConfig;
  };
  readonly aux: {
    readonly name: string;
    /** Widths of the sites, in the order of `sourcesOf`. */
    readonly widths: readonly number[];
    /** Model reference of the activations, for the files' metadata. */
    readonly model?: string | undefined;
  };
}

/** Every site whose rows are fed, once, and the places in that list of what is read and what is written. */
export function sourcesOf(keyed: Sources): {
  readonly sites: readonly Source[];
  readonly reads: readonly number[];
  readonly writes: readonly number[];
} {
  return 'reads' in keyed ? placeSites(keyed.reads, keyed.writes) : placeSites([keyed], [keyed]);
}

/** The sites of a dictionary as text, for errors and metadata. */
export function sourcesText(keyed: Sources): string {
  const { sites, reads, writes } = sourcesOf(keyed);
  return sitesText({ names: sites.map(({ site }) => site), reads, writes });
}

/** The pinned activations: digest over their fit and calib objects; of several sites, over the digest of each. */
export interface TrainInputs {
  readonly snapshot: string;
}
