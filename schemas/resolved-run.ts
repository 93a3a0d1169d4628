// The resolved form of a run: what `runs/<name>/<revision>/config.json` holds. Everything that later work needs is in it,
// so that planning, resuming and workers never read the user's files for settings again.
import { z } from 'zod';
import { DataError } from './errors.js';
import { type StoredSettings, type TakenSettings, storedSettings, takenSettings } from './dictionaries.js';
import { resolvedEdit } from './model-edits.js';
import { resolvedModel, type ResolvedModel } from './resolved-training.js';
import { runFile } from './run-file.js';
import { TAKEN_FORMATS, type TakenFormat } from './taken.js';
import { SPLITS, STAGES } from './stages.js';
import type { EngineConfig, ModelReference, Part, StoredFile } from './stored.js';
import { count, engineSettings, externalFile, part, sha256, storedFile } from './stored-shapes.js';

/** What is known of a model before anything ran, wherever it comes from. */
const modelFacts = {
  tokenizer: storedFile,
  prependId: count.nullable(),
  layers: count,
  width: count,
  vocabulary: count,
  positionStart: count.optional().describe('first number of positions; left out: 0'),
  editValues: z.array(storedFile).optional().describe('tensors that the edits read'),
};
const givenModel = z.strictObject({
  ...modelFacts,
  reference: z.strictObject({ base: sha256, edits: z.array(resolvedEdit) }),
  onnx: storedFile,
  external: z.array(externalFile),
});
const trainedModel = z.strictObject({
  ...modelFacts,
  trained: resolvedModel.describe('trained in the run; its files are known when it is published'),
  edits: z.array(resolvedEdit),
});

const siteNames = z.array(z.string()).min(1).readonly();
const resolvedDictionary = z.strictObject({
  name: z.string(),
  reads: siteNames,
  writes: siteNames,
  sae: storedSettings,
});
/** One that was trained elsewhere. */
const takenDictionary = z.strictObject({
  name: z.string(),
  reads: siteNames,
  writes: siteNames,
  sae: takenSettings,
  taken: z.strictObject({
    weights: storedFile.describe('its tensors in our form; the digest is its identity'),
    format: z.enum(TAKEN_FORMATS),
    notes: z.array(z.string()).readonly().describe('what was folded, changed or left behind'),
  }),
});
/** As configurations were stored while every dictionary read and wrote one site. */
const singleSite = z
  .strictObject({ name: z.string(), site: z.string(), sae: storedSettings })
  .transform(({ name, site, sae }) => ({ name, reads: [site], writes: [site], sae }));

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
  model: z.union([givenModel, trainedModel]),
  sites: z.array(z.strictObject({ name: z.string(), width: count })),
  engine: engineSettings,
  dictionaries: z.array(z.union([resolvedDictionary, takenDictionary, singleSite])),
  splits: z.array(z.enum(SPLITS)).optional(),
  suite: z.string().optional().describe('the suite that it is a member of'),
});

type Parsed = z.infer<typeof resolvedRun>;
interface DictionaryPlace {
  readonly name: string;
  /** Sites that it reads, in order. */
  readonly reads: readonly string[];
  /** Sites that it writes, in order. */
  readonly writes: readonly string[];
}
/** One that the run trains. */
export interface TrainedDictionary extends DictionaryPlace {
  /** All defaults filled in. */
  readonly sae: StoredSettings;
}
/** One that was trained elsewhere. */
export interface TakenResolved extends DictionaryPlace {
  readonly sae: TakenSettings;
  readonly taken: {
    readonly weights: StoredFile;
    readonly format: TakenFormat;
    readonly notes: readonly string[];
  };
}
export type ResolvedDictionary = TrainedDictionary | TakenResolved;

interface ModelFacts {
  readonly tokenizer: StoredFile;
  readonly prependId: number | null;
  readonly layers: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly positionStart?: number | undefined;
  readonly editValues?: readonly StoredFile[] | undefined;
}
/** A model from the user's files. */
export interface GivenModel extends ModelFacts {
  readonly reference: ModelReference;
  readonly onnx: StoredFile;
  readonly external: readonly (StoredFile & { readonly location: string })[];
}
/** A model that the run trains. */
export interface TrainedModel extends ModelFacts {
  readonly trained: ResolvedModel;
  readonly edits: ModelReference['edits'];
}

export interface ResolvedRun extends Omit<Parsed, 'parts' | 'model' | 'engine' | 'dictionaries'> {
  readonly parts: readonly Part[];
  readonly model: GivenModel | TrainedModel;
  readonly engine: EngineConfig;
  readonly dictionaries: readonly ResolvedDictionary[];
}

/** A run's stored configuration, checked. @throws DataError that names the record where it is damaged */
export function parseResolvedRun(value: unknown, where: string): ResolvedRun {
  const result = resolvedRun.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new DataError(
    `The stored run configuration ${where} is damaged or of another version: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}. Run \`assay run\` with the run file again.`,
    { key: where },
  );
}
