// What a decoder transformer of one of the known families computes, in numbers and kinds: everything that config.json says and
// that changes values. Names follow TransformerLens where Hugging Face's families differ. Knows of no file and no graph.
//
//   x_0 = embedding · W_E[ids] (+ W_pos)
//   sequential   mid = x + Post_1(Attention(Norm_1 x));  x' = mid + Post_2(MLP(Norm_2 mid))
//   parallel     x' = x + Attention(Norm_1 x) + MLP(Norm_2 x)
//   logits = cap(Norm_f(x_L) W_Uᵀ)

export const ACTIVATION_NAMES = ['gelu', 'gelu_tanh', 'relu', 'silu'] as const;
export type ActivationName = (typeof ACTIVATION_NAMES)[number];

/** Rotary positions: of the first `width` coordinates of a head, coordinate i and i + width / 2 turn together. */
export interface Rotary {
  /** Coordinates of a head that turn; the others stay. */
  readonly width: number;
  /** Angle of pair i at position p is p · frequencies[i]; width / 2 of them, float32. */
  readonly frequencies: readonly number[];
  /** What cos and sin are multiplied by (YaRN); 1 elsewhere. */
  readonly scale: number;
}

/** What attention does in one layer. */
export interface LayerSpec {
  /** Keys that a query sees, itself counted: those of the last `window` positions; null = all before it. */
  readonly window: number | null;
  /** Null where positions are learned. */
  readonly rotary: Rotary | null;
  /** What q · k is multiplied by. */
  readonly scoreScale: number;
}

export interface NormSpec {
  readonly kind: 'layer' | 'rms';
  readonly epsilon: number;
  /** What is added to the stored gain: 1 in Gemma, 0 elsewhere. */
  readonly gainOffset: 0 | 1;
}

export interface DecoderSpec {
  /** d_model. */
  readonly width: number;
  readonly vocabulary: number;
  readonly heads: number;
  /** Heads of keys and values; each serves heads / keyValueHeads queries. */
  readonly keyValueHeads: number;
  /** d_head. */
  readonly headWidth: number;
  /** d_mlp. */
  readonly mlpWidth: number;
  /** Longest context: rows of the position table, or what the model was made for. */
  readonly maxPositions: number;
  readonly layers: readonly LayerSpec[];
  readonly norm: NormSpec;
  readonly activation: ActivationName;
  /** Whether attention and MLP of a block read the same stream. */
  readonly parallel: boolean;
  /** What rows of the token table are multiplied by; 1 where nothing is. */
  readonly embeddingScale: number;
  /** c of c · tanh(x / c) over the scores, before the mask; null where there is none. */
  readonly scoreCap: number | null;
  /** The same over the logits. */
  readonly logitCap: number | null;
  /** Whether the token embedding is the unembedding too. */
  readonly tied: boolean;
}
