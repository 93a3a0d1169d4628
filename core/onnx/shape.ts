// Types of tensors as far as they are known before a graph runs: element type, sizes by number or by name, and the contents
// of small integer tensors, because shapes are computed by graphs too. Sizes are compared by name; a name may have a number.
import type { DataTypeName } from './data-type.js';

/**
 * The size of one axis: a number; the name of an axis (`batch`, `d_model`), equal names meaning equal sizes; an expression of
 * names (`batch*pos`, `pos+1`); or `?n`, a size that nothing is known of and that may equal any other.
 */
export type Dim = number | string;

/** What is known of a tensor. */
export interface TensorType {
  readonly dtype: DataTypeName;
  /** Null: not even the rank is known. */
  readonly shape: readonly Dim[] | null;
  /** Contents of a scalar or one-dimensional integer tensor, where they are known; else left out. */
  readonly values?: readonly Dim[];
}

/** Most axes of a tensor whose sizes are followed; a tensor with more is one of unknown rank. */
export const MAX_RANK = 64;

/** A tensor of a graph. */
export interface Value extends TensorType {
  readonly name: string;
}
