// What a kind must state for the fast step: how features are chosen from their scores, what fires, and the derivatives of the loss
// by scores and by its vectors. Everything runs over pairs (feature, row) that may fire, feature by feature; products with rows of
// weights are the step's (dictionaries/slice.ts). The same numbers come from the differentiated graph of the kind:
// tests/golden/sae compares both with PyTorch, tests/unit/dictionaries/fast-step.test.ts compares them with each other.
//
//   symbols: B rows of a batch; P pairs; T features that occur in pairs, ascending; g_c [B, d_w] the gradient by reconstruction c
//   score    W_enc x' without any bias; dots_c of a pair = g_c,b · W_dec_i
import type { KindSettings } from '../architecture.js';

/** Pairs by feature: pair p of feature touched[t] lies in starts[t] ≤ p < starts[t + 1], rows ascending. */
export interface Pairs {
  readonly count: number;
  /** T. */
  readonly features: number;
  /** Numbers within the slice, from 0. */
  readonly touched: Uint32Array;
  readonly starts: Uint32Array;
  readonly row: Uint32Array;
  /** Score without bias [P]. */
  readonly score: Float32Array;
}

/** Per-feature tensors of the slice by name [F]. */
export type Vectors = ReadonlyMap<string, Float32Array>;

export interface FiredRequest {
  readonly pairs: Pairs;
  readonly vectors: Vectors;
  /** Σ_w ‖W_dec.w_i‖ of touched features [T]; only for kinds that weigh by norms. */
  readonly norms: Float32Array;
}

/** What fires: written to `values`, one array of [P] for each reconstruction. */
export interface Fired {
  /** Pairs above 0 in the first reconstruction. */
  readonly firings: number;
  /** What the sparsity term is made of, summed over the pairs: see `Penalty`. */
  readonly measure: number;
}

/** The sparsity term and its derivative by the measure, from the measure of all slices. */
export interface Penalty {
  readonly value: number;
  readonly slope: number;
}

export interface SlopesRequest extends FiredRequest {
  /** As `fired` wrote them. */
  readonly values: readonly Float32Array[];
  /** By reconstruction [P]. */
  readonly dots: readonly Float32Array[];
  /** ∂loss/∂measure. */
  readonly slope: number;
  readonly settings: KindSettings;
}

/** Where derivatives go. */
export interface Slopes {
  /** ∂loss/∂score [P]. */
  readonly score: Float32Array;
  /** ∂loss/∂vector of touched features [T], by name. */
  readonly vectors: ReadonlyMap<string, Float32Array>;
  /** ∂loss/∂(Σ_w ‖W_dec.w_i‖) of touched features [T]; zeros for kinds that do not weigh by norms. */
  readonly norms: Float32Array;
}

/** Kinds that choose the largest: everything else follows from the choice. */
export interface ChoosingRule {
  readonly choice: 'rows' | 'batch';
  /** Reconstructions are of prefixes of the features, whose ends these are; one for all features in most kinds. */
  readonly prefixes: (settings: KindSettings, features: number) => readonly number[];
}

export interface ThresholdRule {
  readonly choice: 'above';
  /** The vector that is added to scores before they are compared with the limits. */
  readonly bias: string;
  /** Limits of the slice's features [F], written anew before every step. */
  readonly limits: (vectors: Vectors, settings: KindSettings, limits: Float32Array) => void;
  /** Whether a second reconstruction with the decoder held fixed has a gradient of its own (gated). */
  readonly frozen: boolean;
  /** Whether the measure weighs by decoder norms: always, where several sites are written, never. Else norms are 1 and fixed. */
  readonly weighs: 'always' | 'several' | 'never';
  readonly fired: (request: FiredRequest, values: readonly Float32Array[]) => Fired;
  readonly penalty: (measure: number, settings: KindSettings, batchRows: number) => Penalty;
  readonly slopes: (request: SlopesRequest, into: Slopes) => void;
}

export type FastRule = ChoosingRule | ThresholdRule;

/** The rules of a kind in training and over stored weights. */
export interface FastRules {
  readonly trains: FastRule;
  readonly infers: FastRule;
}

/** A number per feature of a map that must have it. */
export function vectorOf(vectors: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  return vectors.get(name) as Float32Array;
}
