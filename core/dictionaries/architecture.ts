// What an autoencoder architecture must state so that the shared parts (decode, AuxK, optimiser, inference) can serve it.
// One file per architecture implements this and `architectures.ts` lists it; nothing else asks which architecture it has.
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';

/** Sizes of one training step: rows per batch B, width of the activations d, features F. */
export interface StepSizes {
  readonly batchRows: number;
  readonly width: number;
  readonly features: number;
}

/**
 * Which features fire on which row, as graph values.
 * `pairs`: `feature` [B, C] int64 and `value` [B, C] ≥ 0, C = capacity; a pair with value 0 does not count.
 * `dense`: `value` [B, F] ≥ 0.
 */
export type Selection =
  | {
      readonly layout: 'pairs';
      readonly capacity: number;
      readonly feature: Value;
      readonly value: Value;
    }
  | { readonly layout: 'dense'; readonly value: Value };

/** A trained tensor beyond W_enc [F, d], b_enc [F], W_dec [F, d] and b_dec [d], which all architectures have. */
export interface ExtraParameter {
  readonly name: string;
  readonly shape: (sizes: Pick<StepSizes, 'width' | 'features'>) => readonly number[];
  readonly initial: number;
}

/** Values that the loss needs to see while the step graph is built. */
export interface StepValues {
  /** x [B, d], scaled. */
  readonly x: Value;
  /** z [B, F] = W_enc (x − b_dec) + b_enc. */
  readonly z: Value;
  /** The parameters in this step by their tensor name. */
  readonly parameters: Readonly<Record<string, Value>>;
}

/** What crosses between dictionary slices in one step when the features are divided among threads or machines. */
export type SliceCrossing = 'candidates' | 'reconstruction' | 'b_dec gradient' | 'gradient norm' | 'AuxK candidates';

/** Sizes and settings that selecting depends on. */
export interface SelectionSizes extends StepSizes {
  readonly k: number;
}

/** Builds f from z; `values` holds what the rule may look at. */
export type SelectionBuilder = (g: GraphBuilder, values: StepValues, sizes: SelectionSizes) => Selection;

export interface Architecture {
  readonly extraParameters: readonly ExtraParameter[];
  /** Whether W_dec rows are kept at unit norm, with the parallel part of their gradient removed. */
  readonly unitNormDecoder: boolean;
  /** Whether dead features are revived by the auxiliary loss. */
  readonly auxK: boolean;
  /** Most features that fire on one row, or `dense` where there is no bound: decides the layout of the gradients. */
  readonly capacity: (settings: { readonly k: number }) => number | 'dense';
  readonly crossesSlices: readonly SliceCrossing[];
  /** σ in training: the features that fire. */
  readonly buildSelection: SelectionBuilder;
  /** σ at inference, over the stored parameters: topk's own rule; a stored threshold where training selects over a batch. */
  readonly buildInference: SelectionBuilder;
  /** ∂loss/∂z for the selection, in its layout, from ∂loss/∂f in the same layout. */
  readonly buildSelectionGradient: (g: GraphBuilder, selection: Selection, df: Value) => Value;
  /** Sparsity term of the loss as a scalar, or null where selection alone makes f sparse. */
  readonly buildSparsity: ((g: GraphBuilder, values: StepValues, selection: Selection) => Value) | null;
}
