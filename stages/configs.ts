// The resolved settings that each stage reads. `keyed` enters the stage's key (whatever changes bytes, and nothing else);
// `aux` only says where things are. Stored with the plan, so a resume never reads the user's files again.
import type { ModelSpec } from '../core/training/model-spec.js';
import type { Split } from '../schemas/constants.js';
import type { ResolvedEdit } from '../schemas/model-edits.js';
import type { SaeConfig } from '../schemas/run-file.js';
import type { TrainingSection } from '../schemas/training-file.js';
import type { StoreOptions } from '../storage/objects/s3-client.js';

/** A model: an ONNX file by digest, plus edits that make it another model. `base` covers external data. */
export interface ModelReference {
  readonly base: string;
  readonly edits: readonly ResolvedEdit[];
}

/** Settings of inference that can change last bits. */
export interface EngineConfig {
  readonly ort: string;
  readonly provider: 'cpu' | 'cuda' | 'webgpu';
  readonly threads: number;
  readonly optimisation: 'disabled' | 'basic' | 'extended' | 'all';
}

export interface StoredFile {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A source file (or folder of .txt files) of the corpus. */
export interface Part {
  /** sha256 of the file's bytes; of a folder: digest of its sorted [name, sha256] list. */
  readonly digest: string;
  readonly bytes: number;
  /** Absolute local path or s3:// URL. */
  readonly location: string;
  readonly kind: 'file' | 'folder';
  readonly format: 'jsonl' | 'txt' | 'parquet';
  readonly compression: 'none' | 'gzip' | 'zstd';
  /** Id of the document that a single .txt file is: its path relative to the run file (or the s3:// prefix). */
  readonly name?: string | undefined;
}

export type SplitRule =
  { readonly field: string } | { readonly fit: number; readonly calib: number; readonly test: number };

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

export interface IndexConfig {
  readonly keyed: {
    readonly encodeKey: string;
    readonly topExamples: number;
    readonly features: number;
    readonly contextTokens: number;
    readonly prepended: boolean;
    readonly packing: 'document' | 'concatenate';
  };
  readonly aux: {
    readonly name: string;
    readonly site: string;
    readonly width: number;
    /** Model reference of the activations, for the files' metadata. */
    readonly model?: string | undefined;
  };
}
/** A range of features of the pinned encode snapshot; `metrics` is the one item that sums up the dictionary. */
export interface IndexInputs {
  readonly snapshot: string;
  readonly range: { readonly from: number; readonly to: number } | 'metrics';
}
