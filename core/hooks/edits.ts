// Changes of a model: each changed site is replaced by what its changes make of it. What an edit does to a value: edit-value.ts, and
// core/dictionaries/edit-features.ts for edits of features.
import { InputError } from '../../schemas/errors.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { ModelProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { readSites } from './read.js';
import { spliceSites, type SiteSplice } from './splice.js';
import type { Site } from './sites.js';

/** What becomes of one site. */
export interface SiteChange {
  /** Its name. */
  readonly site: string;
  /** Names of other sites, before it in the model, whose values are needed. */
  readonly reads: readonly string[];
  /** The new value, of the type and shape of `x`. `reads` have the axes of their sites. */
  readonly change: (g: GraphBuilder, x: Value, reads: readonly Value[]) => Value;
}

/**
 * The model in which everything after a changed site reads the changed value; a site itself then has the changed value too.
 * Changes at one site apply in the order of the list.
 * 1. Sites inside norms, and those that only some nodes read. 2. Sites that other changes need, as they are after that. 3. All others.
 * @throws as spliceSites, and InputError where a change of the first kind needs another site
 */
export function applyChanges(model: ModelProto, sites: readonly Site[], changes: readonly SiteChange[]): ModelProto {
  const changed = sites.filter(({ name }) => changes.some(({ site }) => site === name));
  const [first, last] = [changed.filter(isWithin), changed.filter((site) => !isWithin(site))];
  for (const { name } of first) refuseReads(changes.filter(({ site, reads }) => site === name && reads.length > 0)[0]);
  const within = spliceSites(
    model,
    first.map((site) => spliceOf(site, { changes, tensors: new Map() })),
  );
  const needed = sites.filter(({ name }) => changes.some(({ reads }) => reads.includes(name)));
  const read = readSites(within, needed);
  const tensors = new Map(needed.map(({ name }, i) => [name, read.tensors[i] as string]));
  return spliceSites(
    read.model,
    last.map((site) => spliceOf(site, { changes, tensors })),
  );
}

interface Given {
  readonly changes: readonly SiteChange[];
  /** Tensors of sites that changes need. */
  readonly tensors: ReadonlyMap<string, string>;
}

function spliceOf(site: Site, { changes, tensors }: Given): SiteSplice {
  const own = changes.filter((change) => change.site === site.name);
  const edit = (g: GraphBuilder, x: Value): Value =>
    own.reduce((value, { reads, change }) => {
      const given = reads.map((name) => g.value(tensors.get(name) ?? name));
      return change(g, value, given);
    }, x);
  return { site, edit };
}

/** Whether a site is no tensor on the path of all that follow. */
function isWithin({ readers, view }: Site): boolean {
  return readers !== null || view?.kind === 'norm';
}

function refuseReads(change: SiteChange | undefined): void {
  if (change === undefined) return;
  throw new InputError(
    `Expected a dictionary that writes a tensor of the residual stream or of a branch, found one that reads ${change.reads.join(', ')} and writes ${change.site}, which is no tensor of its own. Edit a feature of another dictionary.`,
    { site: change.site, reads: change.reads },
  );
}
