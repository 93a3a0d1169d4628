// The files of a run's model: known from the start where the user gave them, known from its dataset where the run trains it.
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { modelDigest } from '../../models/model-digest.js';
import { DataError } from '../../schemas/errors.js';
import type { Commit } from '../../schemas/records.js';
import type { ResolvedRun } from '../../schemas/resolved-run.js';
import type { ModelReference, StoredFile } from '../../schemas/stored.js';
import { WEIGHTS_FILE } from '../language-model/external-weights.js';
import { modelDataset } from '../language-model/stage.js';
import type { PinnedReader } from '../step.js';

export interface ModelFiles {
  readonly reference: ModelReference;
  readonly onnx: StoredFile;
  readonly external: readonly (StoredFile & { readonly location: string })[];
  readonly editValues?: readonly StoredFile[] | undefined;
}

/** The files that the user gave; null where the run trains its model. */
export function givenModelFiles({ model }: Pick<ResolvedRun, 'model'>): ModelFiles | null {
  return 'trained' in model ? null : model;
}

/** Datasets that must be complete before the model's files are known. */
export function modelDatasets({ name, model }: Pick<ResolvedRun, 'name' | 'model'>): string[] {
  return 'trained' in model ? [modelDataset(name, model.trained.name)] : [];
}

/** The files of the run's model; null while it is not trained. */
export async function readModelFiles(run: ResolvedRun, pinned: PinnedReader): Promise<ModelFiles | null> {
  const { model } = run;
  if (!('trained' in model)) return model;
  const trained = await pinned(modelDataset(run.name, model.trained.name));
  const commit = trained?.commits[0];
  if (!commit) return null;
  const onnx = fileOf(commit, 'model');
  if (!onnx)
    throw new DataError(`Expected an ONNX model in the commit of ${run.name}'s model, found none.`, {
      key: commit.key,
    });
  const data = fileOf(commit, 'model-data');
  const external = data ? [{ ...data, location: WEIGHTS_FILE }] : [];
  const base = modelDigest([{ location: '', sha256: onnx.sha256 }, ...external]);
  const { edits, editValues } = model;
  return { reference: { base, edits }, onnx, external, ...(editValues && { editValues }) };
}

/** What files say of the model that their activations come from. */
export async function modelMetadata(run: ResolvedRun, pinned: PinnedReader): Promise<string | null> {
  const files = await readModelFiles(run, pinned);
  return files && canonicalJson(files.reference);
}

function fileOf(commit: Commit, table: string): StoredFile | null {
  const object = commit.objects.find((o) => o.table === table);
  return object ? { key: object.key, sha256: object.sha256, bytes: object.bytes } : null;
}
