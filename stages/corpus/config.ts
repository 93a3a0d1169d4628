// Settings of the corpus stage: `keyed` enters its key (whatever changes bytes, and nothing else), `aux` only says where things are;
// and the inputs of one item.

import type { Part, SplitRule } from '../../schemas/stored.js';
import type { StoreOptions } from '../../storage/objects/s3-client.js';

export interface CorpusConfig {
  readonly keyed: {
    readonly seed: number;
    readonly idField: string;
    readonly textField: string;
    readonly split: SplitRule;
    readonly splitSeed: number;
    readonly shardTokens: number;
    readonly onBadDocument: 'fail' | 'skip';
    /** Only the first documents of each part, in file order (`run --limit`). */
    readonly limitDocuments?: number | undefined;
  };
  readonly aux: {
    readonly parts: readonly Part[];
    /** Connection settings for parts in S3, as for the run's store. */
    readonly storeOptions?: StoreOptions | undefined;
  };
}

/** One part. Its commit holds one `source` object list per shard; objects' `shard` names it. */
export interface CorpusInputs {
  readonly part: string;
  readonly format: Part['format'];
  readonly compression: Part['compression'];
}
