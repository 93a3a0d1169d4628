// Shapes of what stored settings have in common: digests, stored files, parts of a corpus, settings of inference.
import { z } from 'zod';

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const count = z.number().int().nonnegative();

export const storedFile = z.strictObject({ key: z.string(), sha256, bytes: count });
/** An external-data file by the location that the ONNX file names. */
export const externalFile = storedFile.extend({ location: z.string() });

export const part = z.strictObject({
  digest: sha256,
  bytes: count,
  location: z.string(),
  kind: z.enum(['file', 'folder']),
  format: z.enum(['jsonl', 'txt', 'parquet']),
  compression: z.enum(['none', 'gzip', 'zstd']),
  name: z.string().optional(),
});

export const engineSettings = z.strictObject({
  ort: z.string(),
  provider: z.enum(['cpu', 'cuda', 'webgpu']),
  threads: z.number().int().positive(),
  optimisation: z.enum(['disabled', 'basic', 'extended', 'all']),
});
