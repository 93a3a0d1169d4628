// The lists of what a step planned, which its run's plan names: what counts as done is what of these is committed, not what lies
// under a key, which other runs may share.
import type { StoredFile } from '../../schemas/stored.js';
import type { ObjectStore } from '../objects/object-store.js';
import { getJson, putJson } from './data-json.js';

const INPUTS_PER_CHUNK = 20_000;

/** One planned item, as publishing and counting need it. */
export type PlannedInput = readonly [input: string, split: string | null];

/** Stores a list of planned inputs in chunks; equal lists give equal references. */
export function putInputs(store: ObjectStore, inputs: readonly PlannedInput[]): Promise<StoredFile[]> {
  const chunks = Array.from({ length: Math.ceil(inputs.length / INPUTS_PER_CHUNK) }, (_, i) =>
    inputs.slice(i * INPUTS_PER_CHUNK, (i + 1) * INPUTS_PER_CHUNK),
  );
  return Promise.all(chunks.map((chunk) => putJson(store, chunk)));
}

/** A list that `putInputs` stored. @throws DataError where a chunk is missing or damaged */
export async function getInputs(store: ObjectStore, chunks: readonly StoredFile[]): Promise<PlannedInput[]> {
  const parts = await Promise.all(chunks.map((chunk) => getJson(store, chunk)));
  return (parts as PlannedInput[][]).flat();
}
