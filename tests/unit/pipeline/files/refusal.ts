// A correct run file and the refusal of a wrong one, for the tests of the loader.
import { InputError } from '../../../../schemas/errors.js';
import { parseRunFile } from '../../../../pipeline/files/load.js';
import type { Purpose } from '../../../../pipeline/files/placeholders.js';
import type { Problem } from '../../../../pipeline/files/problem.js';

export const GOOD = `name: kjv
model: { onnx: model.onnx, tokenizer: tokenizer.json }
corpus:
  sources: [corpus.jsonl.gz]
  split: { field: split }
activations:
  hooks: [blocks.2.hook_resid_post, 'blocks.*.hook_resid_pre']
saes:
  - { name: kjv-l2, hook: blocks.2.hook_resid_post, features: 2048, k: 16, tokens: 3000000 }
`;

export function refusal(text: string, file = 'run.yaml', purpose: Purpose = 'run'): InputError {
  try {
    parseRunFile(text, { file, purpose });
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new InputError('expected the text to be refused');
}

export function problems(text: string, purpose: Purpose = 'run'): readonly Problem[] {
  return refusal(text, 'run.yaml', purpose).details['problems'] as readonly Problem[];
}

export const lines = (text: string): string[] => refusal(text).message.split('\n');
