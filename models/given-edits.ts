// Edits that a command is given, resolved for the contexts that it will run: positions against their length, another prompt's values
// by a run of the unedited model.
import type { EditTensor } from '../core/hooks/edit-value.js';
import { matchSites } from '../core/hooks/sites.js';
import type { ModelEdit } from '../schemas/model-edits.js';
import { RUN_PREFIX } from './edit-form.js';
import type { EditContext } from './edit-context.js';
import { NO_EDITS, resolveEdits, type ResolvedEdits } from './edits.js';
import type { OpenedModel } from './open-model.js';

/** Edits as a user gives them. */
export interface GivenEdits {
  readonly list: readonly ModelEdit[];
  /** Folder from which relative paths in them start. */
  readonly folder: string;
  /** How messages call the edit of an index. */
  readonly where: (edit: number) => string;
  /** Looks a dictionary up; left out: features cannot be named. */
  readonly dictionary?: NonNullable<EditContext['dictionary']>;
}

/** What the edits are for. */
export interface GivenContexts extends Pick<EditContext, 'length' | 'lengthName' | 'batch'> {
  /** What the unedited model has at sites for the ids in a file; null where that cannot be asked for. */
  readonly runSites: ((idsFile: string, sites: readonly string[]) => Promise<(site: string) => EditTensor>) | null;
}

/** @throws InputError as resolveEdits */
export async function resolveGiven(
  { summary }: Pick<OpenedModel, 'summary'>,
  given: GivenEdits | undefined,
  { runSites, ...contexts }: GivenContexts,
): Promise<ResolvedEdits> {
  if (given === undefined || given.list.length === 0) return NO_EDITS;
  const { list, folder, where, dictionary = null } = given;
  const runs = new Map<string, Promise<(site: string) => EditTensor>>();
  const wanted = list.flatMap(({ site, value }) =>
    site !== undefined && typeof value === 'string' && value.startsWith(RUN_PREFIX) ? [site] : [],
  );
  const sites = matchSites(wanted, summary.sites).sites.map(({ name }) => name);
  const runValue = async (file: string, site: string): Promise<EditTensor> => {
    const run = runs.get(file) ?? runSites?.(file, sites);
    if (run === undefined) throw new TypeError('asked for a run where there is none');
    runs.set(file, run);
    return (await run)(site);
  };
  return resolveEdits(list, {
    ...contexts,
    ...{ model: summary, digest: summary.digest, folder, where, dictionary },
    runValue: runSites === null ? null : runValue,
  });
}
