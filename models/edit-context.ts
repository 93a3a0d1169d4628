// What edits are resolved against: a model's sites, the contexts that they are for, where files and dictionaries are looked up; and how
// what is refused is told with the edit's name.
import type { EditTensor } from '../core/hooks/edit-value.js';
import type { ModelSites } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import type { EditedDictionary, ModelEdit } from '../schemas/model-edits.js';
import type { ModelReference } from '../schemas/stored.js';

/** A dictionary of a store, as an edit finds it. */
export interface NamedDictionary extends EditedDictionary {
  /** `RUN/DICT`. */
  readonly name: string;
  /** The model whose activations it was trained on. */
  readonly model: ModelReference;
  /** Its safetensors file on this machine, and the size of that. */
  readonly path: string;
  readonly bytes: number;
}

export interface EditContext {
  readonly model: Pick<ModelSites, 'sites' | 'layers'>;
  /** Tokens of the longest context, and what the user calls that number. */
  readonly length: number;
  readonly lengthName: string;
  /** Contexts of the one pass that the edits are for; null where they must fit any context. */
  readonly batch: number | null;
  /** Folder from which relative paths start. */
  readonly folder: string;
  /** Values of a site in the unedited model on the ids in a file; null where that cannot be asked for. */
  readonly runValue: ((idsFile: string, site: string) => Promise<EditTensor>) | null;
  /** Digest of the model as it is; null where it does not exist yet. */
  readonly digest: string | null;
  /** A dictionary by name, looked up once. @throws InputError with the nearest names; null where none can be asked for */
  readonly dictionary: ((name: string) => Promise<NamedDictionary>) | null;
  /** Why none can be asked for, and what to do. */
  readonly noDictionary?: string;
  /** How messages call an edit, and a field of it. */
  readonly where: (edit: number, field?: keyof ModelEdit) => string;
}

/** The result of a step; what it refuses is told with the edit's name. */
export async function naming<T>(where: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${where}: ${error.message}`, { ...error.details, where }, { cause: error });
  }
}
