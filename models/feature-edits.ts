// Edits of features, from what a user writes to what enters a model reference: the dictionary looked up and held against the model,
// features and positions checked, all edits of one dictionary joined. What the dictionary's weights are is read elsewhere.
import { canonicalJson } from '../core/identity/canonical-json.js';
import { storedWidth, type Site } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import type { FeatureChange, ModelEdit, ResolvedEdit } from '../schemas/model-edits.js';
import { readFeature } from './edit-form.js';
import { placePositions } from './edit-positions.js';
import type { EditContext, NamedDictionary } from './edit-context.js';

/** A dictionary with the changes of its features. */
export interface DictionaryEdits {
  readonly named: NamedDictionary;
  readonly changes: readonly FeatureChange[];
}

/** One edit of a feature, resolved by itself. @throws InputError as resolveEdits */
export async function resolveFeatureEdit(
  edit: ModelEdit & { readonly feature: string },
  context: EditContext,
): Promise<{ readonly named: NamedDictionary; readonly change: FeatureChange }> {
  const { dictionary, feature } = readFeature(edit.feature);
  if (context.dictionary === null)
    throw new InputError(
      `Expected an edit of a site, found feature "${edit.feature}": ${context.noDictionary ?? 'no store is known here'}.`,
      { feature: edit.feature },
    );
  const named = await context.dictionary(dictionary);
  requireModel(named, context);
  requireSites(named, context.model.sites);
  requireOrder(named, context.model.sites);
  if (feature >= named.features)
    throw new InputError(
      `Expected features 0 to ${named.features - 1}, because ${named.name} has ${named.features}, found ${feature}. \`assay top ${named.name} FEATURE\` shows one.`,
      { dictionary: named.name, features: named.features, feature },
    );
  const { length, lengthName } = context;
  const at = edit.at && placePositions(edit.at, { length, lengthName, rows: null });
  return { named, change: { feature, ...operands(edit), ...(at && { at }) } };
}

/** Changes in the order of features, those of one feature as given. */
export function inFeatureOrder(changes: readonly FeatureChange[]): FeatureChange[] {
  return [...changes].sort((a, b) => a.feature - b.feature);
}

/**
 * A dictionary of an edited model belongs to that model: the others of the list must be its edits.
 * @throws InputError where they are not
 */
export function requireSameEdits(named: NamedDictionary, others: readonly ResolvedEdit[]): void {
  const { model, name } = named;
  if (model.edits.length === 0 || canonicalJson(model.edits) === canonicalJson(others)) return;
  throw new InputError(
    `Expected the model of ${name}, which has the edits ${canonicalJson(model.edits)}, found the edits ${canonicalJson(others)}. Give the edits under which it was trained as well, or a dictionary of the model as it is.`,
    { dictionary: name, expected: model.edits, found: others },
  );
}

/** The numbers of an edit in their one form: equal edits have equal text. */
function operands({ op, value, factor = 1 }: ModelEdit): Pick<FeatureChange, 'op' | 'value' | 'factor'> {
  const a = typeof value === 'number' ? value : 0;
  if (op === 'scale') return { op, factor };
  if (op === 'add') return { op, value: finite(a * factor, `${a} · ${factor}`) };
  return op === 'ablate' && a === 0 ? { op } : { op, value: a };
}

function finite(value: number, text: string): number {
  if (Number.isFinite(Math.fround(value))) return value;
  throw new InputError(`Expected a finite number of float32, found ${text} = ${value}. Give smaller ones.`, { value });
}

/** @throws InputError where a feature's value needs what is computed from a site that it changes */
function requireOrder({ name, sites }: NamedDictionary, known: readonly Site[]): void {
  const place = (of: number): number => known.findIndex((site) => site.name === sites.names[of]);
  for (const write of sites.writes) {
    const after = sites.reads.find((read) => read !== write && place(read) > place(write));
    if (after === undefined) continue;
    const [written = '', read = ''] = [sites.names[write], sites.names[after]];
    throw new InputError(
      `Expected a dictionary whose features read before they write, found that ${name} writes ${written} and reads ${read}, which comes after it (crosscoders and dictionaries over layers do). Edit features of a dictionary of one layer.`,
      { dictionary: name, written, read },
    );
  }
}

function requireModel({ name, model }: NamedDictionary, { digest }: EditContext): void {
  if (digest === null)
    throw new InputError(
      `Expected a model that exists, because ${name} belongs to model ${model.base}, found one that the run trains itself. Train it in a run of its own, and name its files in another run's model.onnx.`,
      { dictionary: name, expected: model.base },
    );
  if (model.base === digest) return;
  throw new InputError(
    `Expected model ${model.base}, from whose activations ${name} was trained, found model ${digest}. Give the file of that model, or a dictionary of this one.`,
    { dictionary: name, expected: model.base, found: digest },
  );
}

function requireSites({ name, sites }: NamedDictionary, known: readonly Site[]): void {
  sites.names.forEach((own, place) => {
    const site = known.find((one) => one.name === own);
    const width = site === undefined ? null : storedWidth(site);
    const written = sites.writes.includes(place);
    if (site === undefined || width !== sites.widths[place])
      throw new InputError(
        `Expected site ${own} of width ${sites.widths[place] ?? 0}, which ${name} ${written ? 'writes' : 'reads'}, found ${site === undefined ? 'no such site' : `width ${width ?? 'unknown'}`} in this model. Give a dictionary of one of its sites.`,
        { dictionary: name, site: own, expected: sites.widths[place], found: width },
      );
    if (written && site.readOnly !== null)
      throw new InputError(
        `Expected a dictionary whose site can be edited, found that ${name} writes ${own}: ${site.readOnly}. Edit a feature of another dictionary.`,
        { dictionary: name, site: own, reason: site.readOnly },
      );
  });
}
