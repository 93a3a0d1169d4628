// What the worker asks the compute child to lay end to end, what the child asks back, and what it returns. Plain data.
import type { Split } from '../../schemas/stages.js';
import type { StreamConfig } from './config.js';

/** Name of the task that writes a stream. */
export const STREAM_TASK = 'stream';

/** A shard of tokens that belongs to the stream. */
export interface StreamShard {
  readonly split: Split;
  /** Place of its first document among the part's documents of its split. */
  readonly first: number;
}

/** The shards of one part of the corpus, in the order of their documents' numbers. */
export interface StreamPart {
  readonly shards: readonly StreamShard[];
}

export interface StreamRequest {
  readonly spool: string;
  readonly config: StreamConfig['keyed'];
  readonly parts: readonly StreamPart[];
}

/** Questions of the child and their answers: local paths of stored objects, in order. */
export interface StreamAsks {
  readonly shard: {
    readonly request: { readonly part: number; readonly shard: number };
    readonly answer: { readonly tokens: readonly string[]; readonly documents: readonly string[] };
  };
  /** Where the documents of a part and a split stood in their file (order: file). */
  readonly lines: {
    readonly request: { readonly part: number; readonly split: Split };
    readonly answer: readonly string[];
  };
}

/** What the commit of a stream tells about it. */
export interface StreamStatistics {
  /** Tokens, the prepended ones counted. */
  readonly tokens: number;
  /** Documents with at least one token. */
  readonly documents: number;
}
