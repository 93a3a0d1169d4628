// Brings a stored model onto this machine: its ONNX file, external weights and the tensors that its edits read.
import type { StoredFile } from '../schemas/stored.js';
import type { LocalCache } from '../storage/cache/local-cache.js';
import type { ModelPlace } from './model-session.js';

/** A model's files in the store. */
export interface StoredModel {
  readonly onnx: StoredFile;
  readonly external: readonly (StoredFile & { readonly location: string })[];
  readonly editValues?: readonly StoredFile[] | undefined;
}

/** Where the model's files lie after they were fetched. */
export async function fetchModel(
  cache: LocalCache,
  { onnx, external, editValues = [] }: StoredModel,
  signal: AbortSignal,
): Promise<ModelPlace> {
  const place = async (file: StoredModel['external'][number]): Promise<Located> => ({
    location: file.location,
    path: await cache.fetch(file, signal),
  });
  const values: Record<string, string> = {};
  const [path, located] = await Promise.all([cache.fetch(onnx, signal), Promise.all(external.map(place))]);
  for (const value of editValues) values[value.sha256] = await cache.fetch(value, signal);
  return { onnx: path, external: located, ...(editValues.length > 0 && { editValues: values }) };
}

type Located = ModelPlace['external'][number];
