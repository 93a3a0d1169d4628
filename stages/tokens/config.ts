// Settings of the tokens stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { Split } from '../../schemas/stages.js';
import type { StoredFile } from '../../schemas/stored.js';

export interface TokensConfig {
  readonly keyed: {
    readonly corpusKey: string;
    readonly tokenizer: string;
    readonly maxDocumentTokens: number;
    readonly onBadDocument: 'fail' | 'skip';
  };
  readonly aux: { readonly tokenizer: StoredFile };
}

/** One corpus shard: the `source` objects that hold its documents, in order, and the number of its first document. */
export interface TokensInputs {
  readonly source: readonly string[];
  readonly firstDoc: number;
  readonly split: Split;
}
