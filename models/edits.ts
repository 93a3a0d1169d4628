// From what a user writes to edits that a model can be made with: everything looked up, read, checked and named by its content.
// Refuses whatever does not fit, before any work starts. Edits of sites: site-edits.ts; of features: feature-edits.ts.
import type { EditTensor } from '../core/hooks/edit-value.js';
import type { ModelSites, Site } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import {
  isFeatureEdit,
  type FeatureChange,
  type ModelEdit,
  type ResolvedEdit,
  type ResolvedFeatureEdit,
  type ResolvedSiteEdit,
} from '../schemas/model-edits.js';
import type { ModelEdits } from './apply-edits.js';
import { EditFiles, readStoredTensor, storeTensor, type StoredTensor } from './edit-values.js';
import {
  inFeatureOrder,
  requireSameEdits,
  resolveFeatureEdit,
  type DictionaryEdits,
  type NamedDictionary,
} from './feature-edits.js';
import { readFeatureWeights, type FeatureWeights } from './feature-weights.js';
import { editableSites, resolveSiteEdit } from './site-edits.js';

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

/** Edits in the order of the model, with the files in which their tensors are stored, and the dictionaries that they name. */
export interface ResolvedEdits extends ModelEdits {
  readonly files: readonly StoredTensor[];
  readonly named: readonly NamedDictionary[];
}

export const NO_EDITS: ResolvedEdits = { list: [], tensors: new Map(), dictionaries: new Map(), files: [], named: [] };

/**
 * The edits, one per site that they name, in the model's order, those at one site in the order given. All edits of one dictionary's
 * features are one, at the place of the first.
 * @throws InputError for an unknown site, a file, tensor or shape that does not fit, NaN, a zero direction, a position or head
 *   that the model does not have, a dictionary that is unknown or of another model, a feature that it does not have
 */
export async function resolveEdits(edits: readonly ModelEdit[], context: EditContext): Promise<ResolvedEdits> {
  const { model, where } = context;
  const files = new EditFiles();
  const resolved: { readonly order: number; readonly edit: ResolvedSiteEdit | PendingDictionary }[] = [];
  const stored = new Map<string, StoredTensor>();
  const keep = (tensor: EditTensor): { tensor: string } => {
    const file = storeTensor(tensor);
    stored.set(file.sha256, file);
    return { tensor: file.sha256 };
  };
  const pending = new Map<string, PendingDictionary>();
  for (const [index, edit] of edits.entries()) {
    if (edit.feature !== undefined) {
      const own = { ...edit, feature: edit.feature };
      const { named, change } = await naming(where(index, 'feature'), () => resolveFeatureEdit(own, context));
      const known = pending.get(named.digest) ?? { named, changes: [], where: where(index, 'feature') };
      if (!pending.has(named.digest)) resolved.push({ order: orderOf(named, model.sites), edit: known });
      pending.set(named.digest, known);
      known.changes.push(change);
      continue;
    }
    const sites = await naming(where(index, 'site'), () => editableSites(edit.site ?? '', model));
    for (const site of sites) {
      const one = { edit, site, context, files, keep, where: (field?: keyof ModelEdit) => where(index, field) };
      resolved.push({ order: model.sites.indexOf(site), edit: await resolveSiteEdit(one) });
    }
  }
  // Stable: edits at one site keep their order.
  const list = resolved.sort((a, b) => a.order - b.order).map(({ edit }) => ('named' in edit ? joined(edit) : edit));
  for (const { named, where: told } of pending.values()) {
    const others = list.filter((edit) => !isFeatureEdit(edit) || edit.dictionary.digest !== named.digest);
    await naming(told, () => {
      requireSameEdits(named, others);
    });
  }
  const tensors = new Map([...stored].map(([digest, { tensor }]) => [digest, tensor]));
  const named = [...pending.values()].map((one) => one.named);
  const paths = Object.fromEntries(named.map(({ digest, path }) => [digest, path]));
  return { list, tensors, dictionaries: await readDictionaries(list, paths), files: [...stored.values()], named };
}

interface PendingDictionary extends DictionaryEdits {
  readonly changes: FeatureChange[];
  /** How messages call the first of its edits. */
  readonly where: string;
}

function joined({ named, changes }: DictionaryEdits): ResolvedFeatureEdit {
  const { digest, architecture, features, settings, sites } = named;
  return {
    dictionary: { digest, architecture, features, settings, sites },
    changes: inFeatureOrder(changes),
  };
}

/** The place of the first site that a dictionary writes. */
function orderOf({ sites }: NamedDictionary, known: readonly Site[]): number {
  const written = sites.writes.map((place) => sites.names[place]);
  return known.findIndex(({ name }) => written.includes(name));
}

/** Resolved edits with what they read, from local copies of the stored files by digest. @throws DataError for a damaged one */
export async function loadEdits(
  list: readonly ResolvedEdit[],
  paths: Readonly<Record<string, string>>,
): Promise<ModelEdits> {
  const dictionaries = await readDictionaries(list, paths);
  const tensors = new Map<string, EditTensor>();
  for (const [digest, path] of Object.entries(paths))
    if (!dictionaries.has(digest)) tensors.set(digest, await readStoredTensor(path));
  return { list, tensors, dictionaries };
}

async function readDictionaries(
  list: readonly ResolvedEdit[],
  paths: Readonly<Record<string, string>>,
): Promise<Map<string, FeatureWeights>> {
  const dictionaries = new Map<string, FeatureWeights>();
  for (const edit of list) {
    if (!isFeatureEdit(edit)) continue;
    const { digest } = edit.dictionary;
    const path = paths[digest];
    // Whoever applies the edits says that it is missing.
    if (path !== undefined) dictionaries.set(digest, await readFeatureWeights(edit, path));
  }
  return dictionaries;
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
