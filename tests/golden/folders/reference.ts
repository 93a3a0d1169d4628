// The folders of tests/fixtures/folders and what PyTorch computed for each.
import { readdirSync, readFileSync } from 'node:fs';
import { asIntegers, decodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { tensorOf } from '../autodiff/gradient-errors.js';

export const FOLDERS = new URL('../../fixtures/folders/', import.meta.url).pathname;

/** Names of the models, each a folder beside its reference. */
export const MODELS: readonly string[] = readdirSync(FOLDERS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
  .map(({ name }) => name);

export interface FolderReference {
  readonly ids: Uint32Array;
  readonly length: number;
  readonly tensors: ReadonlyMap<string, SafeTensor>;
}

export function readReference(model: string): FolderReference {
  const tensors = decodeSafetensors(readFileSync(`${FOLDERS}${model}.reference.safetensors`));
  const ids = tensorOf(tensors, 'input_ids');
  return { ids: Uint32Array.from(asIntegers(ids)), length: ids.shape[1] ?? 0, tensors };
}
