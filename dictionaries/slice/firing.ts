// What a slice tells of what fires.

/** What a reconstruction tells: pairs that fired, and the measure of the sparsity term. */
export interface Reconstructed {
  readonly firings: number;
  readonly measure: number;
}

/** The step in which each feature fired last, and in how many. */
export interface FiringSteps {
  readonly fired: Int32Array;
  readonly firedSteps: Int32Array;
}

/** Pairs that fire, by row: features of the whole dictionary, ascending; a value of 0 does not count. */
export interface Firing {
  /** [B + 1] */
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}
