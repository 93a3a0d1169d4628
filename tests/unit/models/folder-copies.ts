// Copies of the folders of tests/fixtures/folders in a place of their own, changed on purpose.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeSafetensors, encodeSafetensors, type SafeTensor } from '../../../core/tensor/safetensors.js';
import { openModel } from '../../../models/open-model.js';
import { InputError } from '../../../schemas/errors.js';
import { FOLDERS } from '../../harness/fixtures.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

export interface Copies {
  /** A folder of the test file's own, removed at its end. */
  readonly place: string;
  /** A copy of a fixture's folder. */
  readonly copy: (name: string) => string;
  /** A copy with other tensors in its one file. */
  readonly withTensors: (name: string, change: (tensors: Map<string, SafeTensor>) => void) => string;
  /** A copy with other fields in its config.json. */
  readonly withConfig: (name: string, changes: object) => string;
}

export function makeCopies(): Copies {
  const place = temporaryFolder('folders');
  let made = 0;
  const copy = (name: string): string => {
    const folder = path.join(place, `${name}-${made++}`);
    cpSync(path.join(FOLDERS, name), folder, { recursive: true });
    return folder;
  };
  return {
    place,
    copy,
    withTensors: (name, change) => {
      const folder = copy(name);
      const file = path.join(folder, 'model.safetensors');
      const tensors = decodeSafetensors(readFileSync(file));
      change(tensors);
      writeFileSync(file, Buffer.concat(encodeSafetensors(tensors)));
      return folder;
    },
    withConfig: (name, changes) => {
      const folder = copy(name);
      const file = path.join(folder, 'config.json');
      const config = JSON.parse(readFileSync(file, 'utf8')) as object;
      writeFileSync(file, JSON.stringify({ ...config, ...changes }));
      return folder;
    },
  };
}

/** Why a folder cannot be opened. */
export async function refusal(folder: string): Promise<string> {
  const error = await openModel(folder).then(
    () => new RangeError('nothing was refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof InputError) return error.message;
  throw error;
}
