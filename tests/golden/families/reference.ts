// The reference file of a family: what PyTorch computed, and the ids that it computed it for.
import { readFileSync } from 'node:fs';
import { asIntegers, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { tensorOf } from '../autodiff/gradient-errors.js';

export const FOLDER = new URL('../../fixtures/families/', import.meta.url).pathname;

export interface Reference {
  readonly ids: Uint32Array;
  readonly length: number;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

export function readReference(family: string): Reference {
  const tensors = decodeSafetensors(readFileSync(`${FOLDER}${family}.reference.safetensors`));
  const ids = tensorOf(tensors, 'input_ids');
  return { ids: Uint32Array.from(asIntegers(ids)), length: ids.shape[1] ?? 0, tensors };
}
