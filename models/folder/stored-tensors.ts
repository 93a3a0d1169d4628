// The tensors that a model's folder stores, over all of its safetensors files, and the folders that hold weights in another form
// only. Reads headers and the index, no weights.
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { StoredTensor } from '../../core/decoders/match-tensors.js';
import { shownName } from '../../core/onnx/shown-name.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import { isPlainFile } from './plain-file.js';
import { readSafetensorsHeader } from './safetensors-header.js';

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** Largest index: a name and a file for a million tensors. */
const MAX_INDEX_BYTES = 200_000_000;
const MAX_FILES = 100_000;

export interface StoredTensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Where each file lies, by its name in the folder; links (as in Hugging Face's cache) are followed. */
  readonly paths: ReadonlyMap<string, string>;
}

/** @throws InputError where there are none, or index and files do not agree */
export async function readStoredTensors(folder: string): Promise<StoredTensors> {
  if (await isPlainFile(path.join(folder, SINGLE))) {
    const file = await realpath(path.join(folder, SINGLE));
    const tensors = await readSafetensorsHeader(file, SINGLE);
    return { tensors, paths: new Map([[SINGLE, file]]) };
  }
  if (!(await isPlainFile(path.join(folder, INDEX)))) throw await noWeights(folder);
  const map = await readIndex(path.join(folder, INDEX));
  const tensors = new Map<string, StoredTensor>();
  const paths = new Map<string, string>();
  for (const name of [...new Set(map.values())].sort()) {
    const at = path.join(folder, name);
    if (!(await isPlainFile(at))) throw missingShard(folder, name);
    const file = await realpath(at);
    paths.set(name, file);
    for (const [tensor, stored] of await readSafetensorsHeader(file, name)) {
      if (map.get(tensor) !== name) throw disagree([tensor, name], misplaced(name, tensor, map.get(tensor)));
      tensors.set(tensor, stored);
    }
  }
  const lost = [...map].find(([tensor]) => !tensors.has(tensor));
  if (lost)
    throw disagree(lost, `${INDEX} places tensor "${shownName(lost[0])}" in ${lost[1]}, which has no such tensor`);
  return { tensors, paths };
}

/** The file of every tensor. */
async function readIndex(file: string): Promise<Map<string, string>> {
  const { size } = await stat(file);
  if (size > MAX_INDEX_BYTES) throw badIndex(file, `${size} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    passMachineFault(error);
    throw badIndex(file, (error as Error).message.slice(0, 100));
  }
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw badIndex(file, 'no weight_map');
  const entries = Object.entries(map as Record<string, unknown>);
  for (const [tensor, name] of entries) {
    // A name of a file in this folder and nothing else, on any system.
    if (typeof name === 'string' && /^[\w][\w.-]*\.safetensors$/.test(name)) continue;
    throw badIndex(file, `tensor "${shownName(tensor)}" in ${JSON.stringify(name).slice(0, 100)}`);
  }
  const found = new Map(entries as [string, string][]);
  if (new Set(found.values()).size > MAX_FILES) throw badIndex(file, `more than ${MAX_FILES} files`);
  return found;
}

function badIndex(file: string, found: string): InputError {
  return new InputError(
    `Expected "${file}" to name a safetensors file of this folder for every tensor (weight_map), found ${found}. Copy or download it again.`,
    { path: file },
  );
}

function missingShard(folder: string, name: string): InputError {
  return new InputError(
    `Expected "${name}" in "${folder}", as ${INDEX} says, found no such file. Download the files that are missing.`,
    { path: folder, file: name },
  );
}

function misplaced(name: string, tensor: string, place: string | undefined): string {
  const said = place === undefined ? `which ${INDEX} does not name` : `which ${INDEX} places in ${place}`;
  return `${name} has tensor "${shownName(tensor)}", ${said}`;
}

function disagree([tensor, file]: readonly [string, string], what: string): InputError {
  return new InputError(`Expected index and files to agree, but ${what}. Take all files from one model.`, {
    tensor,
    file,
  });
}

/** What lies in the folder instead, and how safetensors are made of it. */
async function noWeights(folder: string): Promise<InputError> {
  const names = await readdir(folder).catch(() => []);
  const other = names.find((name) =>
    /^(pytorch_model|tf_model|flax_model|adapter_model)|\.(bin|pt|pth|gguf|h5|msgpack)$/.test(name),
  );
  const parts = names.find((name) => name.endsWith('.safetensors'));
  const advice = other?.startsWith('adapter')
    ? 'This is an adapter: merge it into its model (merge_and_unload) and save that with save_pretrained'
    : other === undefined
      ? 'Download the weights, or give the folder that has them'
      : 'Load the model with transformers and save it with save_pretrained, which writes safetensors';
  const found = other ?? parts ?? 'no weights';
  return new InputError(
    `Expected ${SINGLE} or ${INDEX} beside config.json in "${folder}", found ${found}. ${advice}.`,
    { path: folder, found },
  );
}
