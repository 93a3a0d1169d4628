// How much memory the training of a model is likely to need, before it begins. Pure.
import { modelParameters } from '../../core/language-model/architectures.js';
import { sizeOf } from '../../core/optimise/state.js';
import type { LanguageModelConfig } from './config.js';
import { tensorsOf } from './trainer.js';

/** Node, ONNX Runtime and what else a compute child is made of. */
const BASE_BYTES = 200 * 2 ** 20;
/** Tensors of the residual stream's width that one block keeps for the way back, by measurement. */
const STREAM_TENSORS = 16;
const FLOAT_BYTES = 4;

/**
 * Bytes: the state three times (fed, carried by the loop, returned), the gradients, and the activations of one micro-batch
 * with its block of logits.
 */
export function estimateMemory(keyed: LanguageModelConfig['keyed']): number {
  const { model, training } = keyed;
  const state = tensorsOf(keyed).reduce((n, t) => n + sizeOf(t.shape), 0);
  const gradients = modelParameters(model).reduce((n, p) => n + sizeOf(p.shape), 0);
  const contexts = training.batch / training.microBatches;
  const { layers, width, mlpWidth, heads, contextTokens, vocabulary } = model;
  const perToken = layers * (STREAM_TENSORS * width + 4 * mlpWidth + 4 * heads * contextTokens);
  const activations = contexts * contextTokens * perToken;
  const logits = 3 * Math.max(2 ** 21, 64 * vocabulary);
  return BASE_BYTES + FLOAT_BYTES * (3 * state + 2 * gradients + activations + logits);
}
