// The table of trainable architectures, typed so that an omission does not compile.
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { type Architecture, INITIAL_DEVIATION, type Parameter, type Parameters } from './architecture.js';
import { GPT2 } from './architectures/gpt2.js';
import { LLAMA } from './architectures/llama.js';
import type { ArchitectureName, ModelSpec } from './model-spec.js';

export const ARCHITECTURES: Readonly<Record<ArchitectureName, Architecture>> = {
  gpt2: GPT2,
  llama: LLAMA,
};

/** Name of the unembedding of models that are not tied, [vocabulary, d_model]. */
const UNEMBEDDING = 'lm_head.weight';

/** All parameters of a model: embedding first, a separate unembedding last. */
export function modelParameters(spec: ModelSpec): readonly Parameter[] {
  const { embedding, parameters } = ARCHITECTURES[spec.architecture];
  const shape = [spec.vocabulary, spec.width];
  const initial = { normal: INITIAL_DEVIATION };
  const head: Parameter[] = spec.tied ? [] : [{ name: UNEMBEDDING, shape, kind: 'matrix', initial }];
  return [{ name: embedding, shape, kind: 'embedding', initial }, ...parameters(spec), ...head];
}

/** Name of the matrix that makes logits, [vocabulary, d_model]: the embedding itself where the model is tied. */
export function unembeddingName(spec: ModelSpec): string {
  return spec.tied ? ARCHITECTURES[spec.architecture].embedding : UNEMBEDDING;
}

/** The unembedding [vocabulary, d_model]. */
export function unembeddingOf(spec: ModelSpec, parameters: Parameters): Value {
  return valueNamed(parameters, unembeddingName(spec));
}
