// From what a user writes to edits that a model can be made with: sites and patterns looked up, values and directions read and
// brought to the site's axes, positions checked, everything named by its content. Refuses whatever does not fit, before any
// work starts.
import { isAbsolute, resolve } from 'node:path';
import { headAxis, positionAxis } from '../core/hooks/edit-region.js';
import type { Edits, EditTensor } from '../core/hooks/edit-value.js';
import type { ModelSites, Site } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import type { ModelEdit, ResolvedEdit } from '../schemas/model-edits.js';
import { readReference, RUN_PREFIX } from './edit-form.js';
import { placePositions } from './edit-positions.js';
import {
  EditFiles,
  placeValue,
  readStoredTensor,
  refuseNaN,
  storeTensor,
  unitVector,
  type StoredTensor,
} from './edit-values.js';
import { chooseSites } from './model-session.js';

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
  /** How messages call an edit, and a field of it. */
  readonly where: (edit: number, field?: keyof ModelEdit) => string;
}

/** Edits in the order of the model, with the files in which their tensors are stored. */
export interface ResolvedEdits extends Edits {
  readonly files: readonly StoredTensor[];
}

/** Axes whose size is the context's or the batch's, also where a model was exported with fixed ones. */
const VARYING: ReadonlySet<string> = new Set(['batch', 'pos', 'query_pos', 'key_pos']);

export const NO_EDITS: ResolvedEdits = { list: [], tensors: new Map(), files: [] };

/**
 * The edits, one per site that they name, in the model's order, those at one site in the order given.
 * @throws InputError for an unknown site, a file, tensor or shape that does not fit, NaN, a zero direction, a position or head
 *   that the model does not have
 */
export async function resolveEdits(edits: readonly ModelEdit[], context: EditContext): Promise<ResolvedEdits> {
  const { model, where } = context;
  const files = new EditFiles();
  const resolved: { readonly order: number; readonly edit: ResolvedEdit }[] = [];
  const stored = new Map<string, StoredTensor>();
  const keep = (tensor: EditTensor): { tensor: string } => {
    const file = storeTensor(tensor);
    stored.set(file.sha256, file);
    return { tensor: file.sha256 };
  };
  for (const [index, edit] of edits.entries()) {
    const sites = await naming(where(index, 'site'), () => editableSites(edit.site, model));
    for (const site of sites) {
      const one = { edit, site, context, files, keep, where: (field?: keyof ModelEdit) => where(index, field) };
      resolved.push({ order: model.sites.indexOf(site), edit: await resolveOne(one) });
    }
  }
  // Stable: edits at one site keep their order.
  const list = resolved.sort((a, b) => a.order - b.order).map(({ edit }) => edit);
  const tensors = new Map([...stored].map(([digest, { tensor }]) => [digest, tensor]));
  return { list, tensors, files: [...stored.values()] };
}

/** Resolved edits with their tensors, from local copies of the stored files by digest. @throws DataError for a damaged one */
export async function loadEdits(
  list: readonly ResolvedEdit[],
  paths: Readonly<Record<string, string>>,
): Promise<Edits> {
  const tensors = new Map<string, EditTensor>();
  for (const [digest, path] of Object.entries(paths)) tensors.set(digest, await readStoredTensor(path));
  return { list, tensors };
}

/** @throws InputError for a name that the model lacks, and for a site that can only be read */
function editableSites(pattern: string, model: EditContext['model']): Site[] {
  const sites = chooseSites([pattern], model);
  const fixed = sites.find(({ readOnly }) => readOnly !== null);
  if (fixed === undefined) return sites;
  throw new InputError(
    `Site ${fixed.name} can be read but not edited: ${fixed.readOnly ?? ''}. Edit what it is computed from, or what reads it.`,
    { site: fixed.name, reason: fixed.readOnly },
  );
}

interface OneEdit {
  readonly edit: ModelEdit;
  readonly site: Site;
  readonly context: EditContext;
  readonly files: EditFiles;
  readonly keep: (tensor: EditTensor) => { readonly tensor: string };
  readonly where: (field?: keyof ModelEdit) => string;
}

async function resolveOne(one: OneEdit): Promise<ResolvedEdit> {
  const { edit, site, context, keep, where } = one;
  const heads = edit.heads && (await naming(where('heads'), () => checkHeads(edit.heads ?? [], site)));
  const along = await naming(where('along'), () => directionOf(one));
  const value = await naming(where('value'), () => valueOf({ ...one, heads }));
  const at = await naming(where('at'), () => {
    if (positionAxis(site.axes) < 0 && edit.at) throw noAxis(site, 'positions');
    if (positionAxis(site.axes) < 0) return undefined;
    const { length, lengthName } = context;
    return placePositions(edit.at, { length, lengthName, rows: value?.rows ?? null });
  });
  const c = edit.factor;
  return {
    site: site.name,
    op: edit.op,
    ...(value && { value: value.number ?? keep(value.tensor) }),
    // Adding once is adding.
    ...(c !== undefined && !(edit.op === 'add' && c === 1) && { factor: c }),
    ...(along && { along: keep(along) }),
    ...(at && { at }),
    ...(heads && { heads: [...heads].sort((a, b) => a - b) }),
  };
}

/** A number, or a tensor with the rows that it has along the positions. */
type ResolvedValue =
  | { readonly number: number; readonly rows: null; readonly tensor?: undefined }
  | { readonly number?: undefined; readonly rows: number | null; readonly tensor: EditTensor };

async function valueOf(
  one: OneEdit & { readonly heads: readonly number[] | undefined },
): Promise<ResolvedValue | null> {
  const { edit, site, context, files, heads } = one;
  if (edit.value === undefined) return null;
  if (typeof edit.value === 'number') return { number: edit.value, rows: null };
  const run = edit.value.startsWith(RUN_PREFIX);
  const { file, tensor = null } = run ? { file: edit.value.slice(RUN_PREFIX.length) } : readReference(edit.value);
  const path = absolute(file, context.folder);
  const name = tensor ?? site.name;
  const found = run ? await runValue(path, one) : await files.tensor(path, name);
  const what = run ? `the value that ${site.name} has on ${path}` : `tensor "${name}" of ${path}`;
  // Attention scores of masked positions are −∞.
  if (!site.name.endsWith('attn_scores')) refuseInfinity(found, what);
  const place = {
    axes: site.axes,
    sizes: axisSizes(site),
    length: context.length,
    batch: context.batch,
    heads,
    along: edit.along !== undefined,
  };
  const placed = placeValue(found, place, what);
  return { tensor: placed.tensor, rows: placed.rows };
}

async function runValue(path: string, { site, context }: OneEdit): Promise<EditTensor> {
  if (context.runValue === null)
    throw new InputError(
      `Expected a number or FILE#TENSOR, found "run:". A run file takes no other prompt's run: write its values by \`assay model run --hooks ${site.name} --out FILE\` and give FILE.`,
      { path },
    );
  const value = await context.runValue(path, site.name);
  refuseNaN(value, `the value that ${site.name} has on ${path}`);
  return value;
}

async function directionOf({ edit, site, context, files }: OneEdit): Promise<EditTensor | null> {
  if (edit.along === undefined) return null;
  if (site.axes.at(-1) === 'key_pos')
    throw new InputError(
      `Expected a site whose last axis has a fixed width, found ${site.name} [${site.axes.join(', ')}], along which there is no direction. Leave out \`along\`.`,
      { site: site.name },
    );
  const { file, tensor } = readReference(edit.along);
  const path = absolute(file, context.folder);
  const name = tensor ?? site.name;
  return unitVector(await files.tensor(path, name), site.width, `tensor "${name}" of ${path}`);
}

/** Each head once, as given: a value with one row per chosen head has them in that order. */
function checkHeads(heads: readonly number[], site: Site): number[] {
  const axis = site.axes[headAxis(site.axes)];
  const all = axis === undefined ? undefined : axisSizes(site)[axis];
  if (axis === undefined) throw noAxis(site, 'heads');
  const chosen = [...new Set(heads)];
  const beyond = all === undefined ? undefined : chosen.find((head) => head >= all);
  if (beyond === undefined) return chosen;
  throw new InputError(
    `Expected heads 0 to ${(all ?? 0) - 1}, because ${site.name} has ${all ?? 0}, found ${beyond}. Name heads that it has.`,
    { site: site.name, heads: all, head: beyond },
  );
}

/** Sizes of the axes that are the same in every context, by name. */
function axisSizes({ axes, sizes }: Site): Readonly<Record<string, number>> {
  const known = axes.flatMap((axis, i) => {
    const size = sizes[i];
    return typeof size === 'number' && !VARYING.has(axis) ? [[axis, size] as const] : [];
  });
  return Object.fromEntries(known);
}

function refuseInfinity({ data }: EditTensor, what: string): void {
  const at = data.findIndex((x) => x === Infinity || x === -Infinity);
  if (at < 0) return;
  throw new InputError(
    `Expected finite numbers in ${what}, found ${data[at] ?? 0} at element ${at}. Make the tensor anew.`,
    { what, element: at },
  );
}

function noAxis(site: Site, what: string): InputError {
  return new InputError(
    `Expected a site with ${what}, found ${site.name} [${site.axes.join(', ')}]. Leave them out, or edit another site.`,
    { site: site.name, axes: site.axes },
  );
}

function absolute(file: string, folder: string): string {
  return isAbsolute(file) ? file : resolve(folder, file);
}

/** The result of a step; what it refuses is told with the edit's name. */
async function naming<T>(where: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${where}: ${error.message}`, { ...error.details, where }, { cause: error });
  }
}
