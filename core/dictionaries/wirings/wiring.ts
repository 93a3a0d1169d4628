// What a wiring states. Graphs follow from it in wired-graph.ts, tensors in parameters.ts.

/** A matrix with a row for each feature of a range. */
export interface Block {
  readonly name: string;
  /** Place among the sites read (encoders) or written (decoders). */
  readonly site: number;
  /** d of that site. */
  readonly width: number;
  readonly first: number;
  readonly features: number;
}

export interface Wiring {
  readonly encoders: readonly Block[];
  /** sum: every encoder has all features; concatenate: each has its own, in order. */
  readonly join: 'sum' | 'concatenate';
  /** In the order of the sites written; each from the first feature on. */
  readonly decoders: readonly (Block & { readonly bias: string })[];
  readonly skip: { readonly name: string; readonly d_in: number; readonly d_out: number } | null;
  /** Whether b_dec can be subtracted from what is read. */
  readonly mayCentre: boolean;
}
