// A folder or file that holds dictionaries of another program: what lies in it, its settings and its tensors, read when asked for.
// Judges nothing.
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { SettingsFields } from '../../core/interop/settings-fields.js';
import { readTensors, type TensorContainer } from '../../core/interop/tensor-container.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import { byteFile, inflateRaw } from '../../storage/files/byte-file.js';

export interface NamedJson {
  readonly name: string;
  readonly value: unknown;
}

export interface Place {
  readonly path: string;
  readonly isFile: boolean;
  /** Names of files in the folder; of a file, itself alone. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** @throws InputError where there is no such place */
export async function openPlace(place: string): Promise<Place> {
  try {
    const isFile = (await stat(place)).isFile();
    if (isFile) return { path: place, isFile, files: [path.basename(place)], folders: [] };
    const entries = await readdir(place, { withFileTypes: true });
    const kinds = await Promise.all(
      entries.map(async (entry) => {
        const linked = entry.isSymbolicLink() ? await stat(path.join(place, entry.name)).catch(() => null) : entry;
        return { name: entry.name, file: linked?.isFile() ?? false, folder: linked?.isDirectory() ?? false };
      }),
    );
    const names = (of: 'file' | 'folder'): string[] =>
      kinds
        .filter((one) => one[of])
        .map(({ name }) => name)
        .sort();
    return { path: place, isFile, files: names('file'), folders: names('folder') };
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Expected a file or folder with a dictionary, found that ${place} cannot be read: ${(error as Error).message}. Correct the path.`,
      { path: place },
      { cause: error },
    );
  }
}

/** Where a file of the place lies; of a file, beside it. */
export function fileIn({ path: place, isFile }: Place, name: string): string {
  return path.join(isFile ? path.dirname(place) : place, name);
}

/** A JSON file of the place; null where there is none. @throws InputError where it is no JSON */
export async function readJson(place: Place, name: string): Promise<NamedJson | null> {
  return readParsed(place, name, JSON.parse as (text: string) => unknown);
}

/** A YAML file of the place; null where there is none. @throws InputError where it is no YAML */
export async function readYaml(place: Place, name: string): Promise<SettingsFields | null> {
  const found = await readParsed(place, name, (text) => parse(text) as unknown);
  return found === null ? null : new SettingsFields(found.name, found.value);
}

async function readParsed(place: Place, name: string, parseText: (text: string) => unknown): Promise<NamedJson | null> {
  const file = fileIn(place, name);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    passMachineFault(error);
    return null;
  });
  if (text === null) return null;
  try {
    return { name: file, value: parseText(text) };
  } catch (error) {
    throw new InputError(
      `Expected settings in ${file}, found that they cannot be parsed: ${(error as Error).message}. Copy the file anew.`,
      { file },
      { cause: error },
    );
  }
}

/** The tensors of a file. @throws DataError where it holds none that can be read */
export async function openTensors(file: string): Promise<TensorContainer> {
  return readTensors(await byteFile(file), inflateRaw);
}
