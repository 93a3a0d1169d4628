// The resolved form of a run: what `runs/<name>/<revision>/config.json` holds. Everything that later work needs is in it,
// so that planning, resuming and workers never read the user's files for settings again.
import { z } from 'zod';
import { SPLITS, STAGES } from './stages.js';
import { DataError } from './errors.js';
import { resolvedEdit } from './model-edits.js';
import { runFile } from './run-file.js';
import { type StoredSettings, storedSettings } from './dictionaries.js';
import type { EngineConfig, ModelReference, Part, StoredFile } from './stored.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const storedFile = z.strictObject({ key: z.string(), sha256, bytes: count });

const part = z.strictObject({
  digest: sha256,
  bytes: count,
  location: z.string(),
  kind: z.enum(['file', 'folder']),
  format: z.enum(['jsonl', 'txt', 'parquet']),
  compression: z.enum(['none', 'gzip', 'zstd']),
  name: z.string().optional(),
});

const resolvedRun = z.strictObject({
  formatVersion: z.literal(1),
  name: z.string(),
  revision: count,
  createdMs: z.number(),
  file: runFile,
  until: z.enum(STAGES),
  limitDocuments: z.number().int().positive().nullable(),
  hostId: z.string(),
  parts: z.array(part),
  model: z.strictObject({
    reference: z.strictObject({ base: sha256, edits: z.array(resolvedEdit) }),
    onnx: storedFile,
    external: z.array(storedFile.extend({ location: z.string() })),
    editValues: z.array(storedFile).optional().describe('tensors that the edits read'),
    tokenizer: storedFile,
    prependId: z.number().int().nonnegative().nullable(),
    layers: count,
    width: count,
    vocabulary: count,
  }),
  sites: z.array(z.strictObject({ name: z.string(), width: count })),
  engine: z.strictObject({
    ort: z.string(),
    provider: z.enum(['cpu', 'cuda', 'webgpu']),
    threads: z.number().int().positive(),
    optimisation: z.enum(['disabled', 'basic', 'extended', 'all']),
  }),
  dictionaries: z.array(z.strictObject({ name: z.string(), site: z.string(), sae: storedSettings })),
  splits: z.array(z.enum(SPLITS)).optional(),
});

type Parsed = z.infer<typeof resolvedRun>;
export interface ResolvedDictionary {
  readonly name: string;
  readonly site: string;
  /** All defaults filled in. */
  readonly sae: StoredSettings;
}
export interface ResolvedRun extends Omit<Parsed, 'parts' | 'model' | 'engine' | 'dictionaries'> {
  readonly parts: readonly Part[];
  readonly model: Omit<Parsed['model'], 'reference' | 'external'> & {
    readonly reference: ModelReference;
    readonly external: readonly (StoredFile & { readonly location: string })[];
  };
  readonly engine: EngineConfig;
  readonly dictionaries: readonly ResolvedDictionary[];
}

/** A run's stored configuration, checked. @throws DataError that names the record where it is damaged. */
export function parseResolvedRun(value: unknown, where: string): ResolvedRun {
  const result = resolvedRun.safeParse(value);
  if (result.success) return result.data as unknown as ResolvedRun;
  const issue = result.error.issues[0];
  throw new DataError(
    `The stored run configuration ${where} is damaged or of another version: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. Run \`assay run\` with the run file again.`,
    { key: where },
  );
}
