// What optimisers must know of a parameter.

/** Weight decay and the like treat matrices and embeddings alike, vectors (biases, norms) apart. */
export type ParameterKind = 'matrix' | 'embedding' | 'vector';
