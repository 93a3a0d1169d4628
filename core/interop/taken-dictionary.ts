// The neutral form of a dictionary taken from elsewhere: its kind and settings in our words, its tensors by our names with a row per
// feature, what its files tell about where it belongs, and what could not be carried over. Every reader of a format ends here, and
// every writer begins here.
import type { InputTransform, TakenFormat } from '../../schemas/taken.js';

export interface TakenTensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

export type TakenTensors = ReadonlyMap<string, TakenTensor>;

/** How it computes: a kind of core/dictionaries/architectures.ts with its inference alone. */
export interface TakenSettings {
  readonly architecture: 'relu' | 'topk' | 'batchtopk' | 'jumprelu' | 'gated' | 'matryoshka';
  /** Of a cross-layer dictionary: of each layer. */
  readonly features: number;
  readonly k?: number;
  readonly prefixes?: readonly number[];
  readonly skip?: true;
  readonly crossLayer?: true;
  readonly inputTransform?: InputTransform;
}

/** What the files say about the source; null where they do not. */
export interface SourceFacts {
  /** The source's own word for the kind. */
  readonly kind: string;
  readonly model: string | null;
  /** Sites in TransformerLens spelling, in order. */
  readonly reads: readonly string[] | null;
  readonly writes: readonly string[] | null;
  readonly contextTokens: number | null;
  /** Whether its activations came from texts that begin with the model's token of beginning. */
  readonly prepended: boolean | null;
  /** Digest of the model that it was trained on, where a file of ours says it. */
  readonly modelDigest?: string | undefined;
  /** Type of the stored weights. */
  readonly dtype: string;
}

export interface TakenDictionary {
  readonly format: TakenFormat;
  readonly settings: TakenSettings;
  /** Whether it reads the site that it writes, as far as its files decide that. */
  readonly wiring: 'same' | 'other' | 'crossLayer';
  /** Widths of the sites read and of those written. */
  readonly readWidths: readonly number[];
  readonly writeWidths: readonly number[];
  readonly tensors: TakenTensors;
  readonly source: SourceFacts;
  /** What was folded, changed or left behind, in sentences. */
  readonly notes: readonly string[];
}
