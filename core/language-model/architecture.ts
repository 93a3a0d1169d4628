// What a trainable architecture is: its parameters under Hugging Face's names and orientations, and its forward graph from
// token ids to the last norm's output. One file per architecture; the table is in architectures.ts.
import type { GraphBuilder } from '../onnx/builder.js';
import type { NamedValues } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { TrainedParameter } from '../optimise/state.js';
import type { ModelSpec } from './model-spec.js';

/** Values before the first step: normal with mean 0, or one number everywhere. */
export type Initial = { readonly normal: number /* standard deviation */ } | { readonly constant: number };

/** Named as in PyTorch's state dictionary. */
export interface Parameter extends TrainedParameter {
  readonly initial: Initial;
}

export type Parameters = NamedValues;

/**
 * `standard`: operators of ONNX alone, in the forms that exporters write. `fused`: com.microsoft operators where they save a
 * pass over memory; the numbers agree to float accuracy.
 */
export type Kernels = 'standard' | 'fused';

export interface ForwardInputs {
  readonly spec: ModelSpec;
  readonly parameters: Parameters;
  /** Token ids [batch, pos]: numbers, or names of axes. */
  readonly ids: Value;
  /** W_E[ids] [batch, pos, d_model], where the caller has gathered it. */
  readonly embedded?: Value;
  /** 1 for tokens, 0 for padding [batch, pos]. */
  readonly attentionMask?: Value;
  readonly kernels?: Kernels;
}

export interface Architecture {
  /** Name of the token embedding [vocabulary, d_model]. */
  readonly embedding: string;
  /** Parameters besides the embedding and the unembedding, in the model's order. */
  readonly parameters: (spec: ModelSpec) => readonly Parameter[];
  /** The last norm's output: [batch, pos, d_model], or rows [batch·pos, d_model] for fused kernels. */
  readonly buildHidden: (g: GraphBuilder, inputs: ForwardInputs) => Value;
}

/** Standard deviation of weights in GPT-2's scheme. */
export const INITIAL_DEVIATION = 0.02;

/** Initial values of a matrix that writes into the residual stream: scaled by 1/√(2 layers), so that its variance stays. */
export function residualInitial({ layers }: ModelSpec): Initial {
  return { normal: INITIAL_DEVIATION / Math.sqrt(2 * layers) };
}
