// Which stored tensors a decoder reads, by their role: the names and shapes that each family's file (families/) gives and that
// the graph writer (write-decoder.ts) asks for.

/** A stored tensor. */
export interface TensorRow {
  readonly name: string;
  readonly shape: readonly number[];
}

/** x W + b. */
export interface LinearRows {
  readonly weight: TensorRow;
  readonly bias: TensorRow | null;
  /** How the matrix is stored: PyTorch's Linear is `out-in`, GPT-2's Conv1D `in-out`. */
  readonly layout: 'out-in' | 'in-out';
}

export interface NormRows {
  readonly gain: TensorRow;
  /** Of LayerNorm. */
  readonly bias: TensorRow | null;
}

/** How queries, keys and values are projected. */
export type ProjectionRows =
  | {
      readonly kind: 'separate';
      readonly q: LinearRows;
      readonly k: LinearRows;
      readonly v: LinearRows;
    }
  /** One matrix: all queries, then all keys, then all values (`parts`), or query, key and value of head after head (`heads`). */
  | { readonly kind: 'parts' | 'heads'; readonly qkv: LinearRows };

export type MlpRows =
  | { readonly kind: 'plain'; readonly up: LinearRows; readonly down: LinearRows }
  | {
      readonly kind: 'gated';
      readonly gate: LinearRows;
      readonly up: LinearRows;
      readonly down: LinearRows;
    };

export interface BlockRows {
  readonly ln1: NormRows;
  /** Over what the attention branch gives, before it is added (Gemma). */
  readonly ln1Post: NormRows | null;
  readonly ln2: NormRows;
  readonly ln2Post: NormRows | null;
  readonly projection: ProjectionRows;
  /** Norms over each head's queries and keys, before rotation (Qwen 3, Gemma 3). */
  readonly queryNorm: NormRows | null;
  readonly keyNorm: NormRows | null;
  readonly output: LinearRows;
  readonly mlp: MlpRows;
}

export interface DecoderRows {
  readonly embedding: TensorRow;
  /** The learned position table. */
  readonly positions: TensorRow | null;
  readonly blocks: readonly BlockRows[];
  readonly lnFinal: NormRows;
  /** Null where the embedding is the unembedding. */
  readonly unembedding: TensorRow | null;
}

/** Every tensor that the rows name, each once. */
export function listRows(rows: DecoderRows): readonly TensorRow[] {
  const found: TensorRow[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (isRow(value)) found.push(value);
    else for (const inner of Object.values(value)) visit(inner);
  };
  visit(rows);
  return found;
}

function isRow(value: object): value is TensorRow {
  return 'name' in value && 'shape' in value;
}

/** A linear map as PyTorch's Linear stores it, [out, in]. */
export function linear(name: string, [into, out]: readonly [into: number, out: number], biased: boolean): LinearRows {
  return {
    weight: { name: `${name}.weight`, shape: [out, into] },
    bias: biased ? { name: `${name}.bias`, shape: [out] } : null,
    layout: 'out-in',
  };
}

/** An RMS norm's gain. */
export function rmsNorm(name: string, width: number): NormRows {
  return { gain: { name: `${name}.weight`, shape: [width] }, bias: null };
}

/** A LayerNorm's gain and bias. */
export function layerNorm(name: string, width: number): NormRows {
  return {
    gain: { name: `${name}.weight`, shape: [width] },
    bias: { name: `${name}.bias`, shape: [width] },
  };
}
