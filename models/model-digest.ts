// What a model is called in keys: the digest of its ONNX file and of everything outside it.
import { digestOf } from '../core/identity/digest.js';
import { InputError } from '../schemas/errors.js';

/**
 * The identity of a model: the sha256 of its ONNX file, and where it has external data the digest of
 * {onnx: sha256, external: [[location, sha256], …] by location}.
 */
export function modelDigest(files: readonly { readonly location: string; readonly sha256: string }[]): string {
  const [onnx, ...external] = files;
  if (onnx === undefined) throw new InputError('Expected the files of a model, found none.');
  if (external.length === 0) return onnx.sha256;
  return digestOf({
    onnx: onnx.sha256,
    external: external.map((f) => [f.location, f.sha256]).sort(),
  });
}
