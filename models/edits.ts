// From what a user writes to edits that a model can be made with: everything looked up, read, checked and named by its content.
// Refuses whatever does not fit, before any work starts. Edits of sites: site-edits.ts; of features: feature-edits.ts.
import type { EditTensor } from '../core/hooks/edit-value.js';
import type { Site } from '../core/hooks/sites.js';
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
import { naming, type EditContext, type NamedDictionary } from './edit-context.js';
import { inFeatureOrder, requireSameEdits, resolveFeatureEdit, type DictionaryEdits } from './feature-edits.js';
import { readFeatureWeights, type FeatureWeights } from './feature-weights.js';
import { editableSites, resolveSiteEdit, type OneEdit } from './site-edits.js';

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
  const found = new FoundEdits(context);
  for (const [index, edit] of edits.entries()) {
    if (edit.feature === undefined) await found.addSites(index, edit);
    else await found.addFeature(index, { ...edit, feature: edit.feature });
  }
  return found.finish();
}

/** What is found of edits, one after the other. */
class FoundEdits {
  readonly #context: EditContext;
  readonly #files = new EditFiles();
  readonly #found: { readonly order: number; readonly edit: ResolvedSiteEdit | PendingDictionary }[] = [];
  readonly #stored = new Map<string, StoredTensor>();
  readonly #dictionaries = new Map<string, PendingDictionary>();

  constructor(context: EditContext) {
    this.#context = context;
  }

  async addSites(index: number, edit: ModelEdit): Promise<void> {
    const { model, where } = this.#context;
    const sites = await naming(where(index, 'site'), () => editableSites(edit.site ?? '', model));
    for (const site of sites) {
      const one: OneEdit = {
        ...{ edit, site, context: this.#context, files: this.#files },
        keep: (tensor) => this.#keep(tensor),
        where: (field) => where(index, field),
      };
      this.#found.push({ order: model.sites.indexOf(site), edit: await resolveSiteEdit(one) });
    }
  }

  async addFeature(index: number, edit: ModelEdit & { readonly feature: string }): Promise<void> {
    const { model, where } = this.#context;
    const told = where(index, 'feature');
    const { named, change } = await naming(told, () => resolveFeatureEdit(edit, this.#context));
    const known = this.#dictionaries.get(named.digest) ?? { named, changes: [], where: told };
    if (known.changes.length === 0) this.#found.push({ order: orderOf(named, model.sites), edit: known });
    this.#dictionaries.set(named.digest, known);
    known.changes.push(change);
  }

  async finish(): Promise<ResolvedEdits> {
    // Stable: edits at one site keep their order.
    const sorted = this.#found.sort((a, b) => a.order - b.order);
    const list = sorted.map(({ edit }) => ('named' in edit ? joined(edit) : edit));
    const pending = [...this.#dictionaries.values()];
    for (const { named, where } of pending) {
      const others = list.filter((edit) => !isFeatureEdit(edit) || edit.dictionary.digest !== named.digest);
      await naming(where, () => {
        requireSameEdits(named, others);
      });
    }
    const named = pending.map((one) => one.named);
    const paths = Object.fromEntries(named.map(({ digest, path }) => [digest, path]));
    const tensors = new Map([...this.#stored].map(([digest, { tensor }]) => [digest, tensor]));
    const files = [...this.#stored.values()];
    return { list, tensors, dictionaries: await readDictionaries(list, paths), files, named };
  }

  #keep(tensor: EditTensor): { readonly tensor: string } {
    const file = storeTensor(tensor);
    this.#stored.set(file.sha256, file);
    return { tensor: file.sha256 };
  }
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
