// What the cases' tests share: a case's reference, and the relative error of a run's tensor against it.
import path from 'node:path';
import { expect } from 'vitest';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import type { TensorValue } from '../../../runtime/session.js';
import { MODEL_CASES } from '../../harness/fixtures.js';
import { largestError, readReference, tensorOf, type Reference } from '../reference.js';

export const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
/** Error that float32 sums in another order make. */
const TOLERANCE = 2e-5;

export function caseFile(folder: string, file: string): string {
  return path.join(MODEL_CASES, folder, file);
}

export function caseReference(folder: string, file: string): Reference {
  return readReference(caseFile(folder, file));
}

/** Expects a run's value to be that of the reference, in shape and numbers. */
export function expectValue(got: TensorValue | undefined, reference: Reference, name: string): void {
  const wanted = tensorOf(reference.tensors, name);
  expect(got?.dims).toEqual(wanted.shape);
  expect(largestError(got?.data as Float32Array, asFloat32(wanted))).toBeLessThan(TOLERANCE);
}
