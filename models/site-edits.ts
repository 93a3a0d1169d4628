// Edits of sites, from what a user writes to what enters a model reference: patterns looked up, values and directions read and brought
// to the site's axes, positions and heads checked.
import { isAbsolute, resolve } from 'node:path';
import { headAxis, positionAxis } from '../core/hooks/edit-region.js';
import type { EditTensor } from '../core/hooks/edit-value.js';
import type { Site } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import type { ModelEdit, ResolvedSiteEdit } from '../schemas/model-edits.js';
import { readReference, RUN_PREFIX } from './edit-form.js';
import { placePositions } from './edit-positions.js';
import { placeValue, refuseNaN, unitVector, type EditFiles } from './edit-values.js';
import { naming, type EditContext } from './edit-context.js';
import { chooseSites } from './model-session.js';

/** Axes whose size is the context's or the batch's, also where a model was exported with fixed ones. */
const VARYING: ReadonlySet<string> = new Set(['batch', 'pos', 'query_pos', 'key_pos']);

/** @throws InputError for a name that the model lacks, and for a site that can only be read */
export function editableSites(pattern: string, model: EditContext['model']): Site[] {
  const sites = chooseSites([pattern], model);
  const fixed = sites.find(({ readOnly }) => readOnly !== null);
  if (fixed === undefined) return sites;
  throw new InputError(
    `Site ${fixed.name} can be read but not edited: ${fixed.readOnly ?? ''}. Edit what it is computed from, or what reads it.`,
    { site: fixed.name, reason: fixed.readOnly },
  );
}

export interface OneEdit {
  readonly edit: ModelEdit;
  readonly site: Site;
  readonly context: EditContext;
  readonly files: EditFiles;
  readonly keep: (tensor: EditTensor) => { readonly tensor: string };
  readonly where: (field?: keyof ModelEdit) => string;
}

/** An edit at one of the sites that it names. @throws InputError as resolveEdits */
export async function resolveSiteEdit(one: OneEdit): Promise<ResolvedSiteEdit> {
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
