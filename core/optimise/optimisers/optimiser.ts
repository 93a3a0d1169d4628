// What a row of the optimiser table says: the tensors it keeps per parameter, the numbers that each step feeds, and the update
// of one parameter as graph nodes. Formulas are PyTorch's, including where ε stands.
import type { GraphBuilder } from '../../onnx/builder.js';
import type { Value } from '../../onnx/shape.js';

/** Weight decay and the like treat matrices and embeddings alike, vectors (biases, norms) apart. */
export type ParameterKind = 'matrix' | 'embedding' | 'vector';

export const OPTIMISER_NAMES = ['adam', 'adamw', 'sgd'] as const;
export type OptimiserName = (typeof OPTIMISER_NAMES)[number];

/** In which order Adam's step is computed (adam.ts); the forms differ in the last bits. */
export type AdamForm = 'folded' | 'corrected';

export interface OptimiserSettings {
  readonly kind: OptimiserName;
  /** Adam and AdamW; default folded. */
  readonly form?: AdamForm;
  /** Adam and AdamW. */
  readonly betas: readonly [number, number];
  /** Adam and AdamW. */
  readonly epsilon: number;
  /** λ, on matrices and embeddings; vectors are not decayed. */
  readonly weightDecay: number;
  /** SGD. */
  readonly momentum: number;
  /** SGD. */
  readonly nesterov: boolean;
}

/** One step as the optimiser sees it. */
export interface StepNumbers {
  readonly lr: number;
  /** t, counted from 1. */
  readonly step: number;
}

/** Graph values of one parameter before its update. */
export interface Slot {
  readonly kind: ParameterKind;
  readonly parameter: Value;
  readonly gradient: Value;
  /** min(1, c / norm), a scalar that the gradient is multiplied by; null without clipping. */
  readonly clip: Value | null;
  /** State tensors by the names that `state` lists, each in the parameter's shape. */
  readonly state: Readonly<Record<string, Value>>;
  /** This step's factors by the names that `factors` gives, float32 scalars. */
  readonly factors: Readonly<Record<string, Value>>;
}

export interface Updated {
  readonly parameter: Value;
  readonly state: Readonly<Record<string, Value>>;
}

export interface Optimiser {
  /** Names of the tensors kept per parameter; zero before the first step. */
  readonly state: (settings: OptimiserSettings) => readonly string[];
  /** Numbers of one step, computed in float64 and fed in float32. */
  readonly factors: (settings: OptimiserSettings, step: StepNumbers) => Readonly<Record<string, number>>;
  readonly buildUpdate: (g: GraphBuilder, slot: Slot, settings: OptimiserSettings) => Updated;
}

/** The gradient after clipping. */
export function clipped(g: GraphBuilder, { gradient, clip }: Slot): Value {
  return clip ? g.op('Mul', [gradient, clip]) : gradient;
}

/** g + λ p where the parameter is decayed through its gradient (Adam and SGD, not AdamW). */
export function withDecay(g: GraphBuilder, slot: Slot, weightDecay: number): Value {
  const gradient = clipped(g, slot);
  if (weightDecay === 0 || slot.kind === 'vector') return gradient;
  return g.op('Add', [gradient, g.op('Mul', [slot.parameter, g.scalar(weightDecay)])]);
}
