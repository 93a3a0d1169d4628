// Settings of the stream stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { Split } from '../../schemas/stages.js';

/** The tokens of some splits laid end to end, to train a language model on or to measure it. */
export interface StreamConfig {
  readonly keyed: {
    readonly tokensKey: string;
    readonly splits: readonly Split[];
    /** file: as the documents stand in the sources; shuffled: by their numbers, which follow a keyed hash. */
    readonly order: 'file' | 'shuffled';
    /** Id of the token before every document; null for none. */
    readonly prependId: number | null;
    /** Of one stored token id. */
    readonly dtype: 'uint16' | 'uint32';
    /** Weights in the loss by spans in a field of the document; null: no weights are stored. */
    readonly lossWeights: { readonly field: string; readonly default: number } | null;
  };
}

/** The pinned tokens that the stream is made of. */
export interface StreamInputs {
  readonly snapshot: string;
}
