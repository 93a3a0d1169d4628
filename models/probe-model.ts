// Asks ONNX Runtime whether it can run a model: loads the part that the sites need and runs one context. Finds unsupported
// operators, too short position tables without a visible limit, and wanted sites that are not what the structure told: of another
// shape, or breaking an equation.
import type { TensorValue } from '../runtime/session.js';
import { identitiesOf } from '../core/hooks/identities.js';
import { expectedDims, hasDims } from '../core/hooks/reach.js';
import { matchSites, type Site } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import { brokenAmong, checkSites, requireIdentities, spreadIds } from './check-sites.js';
import type { EngineConfig } from '../schemas/stored.js';
import type { ModelEdits } from './apply-edits.js';
import { NO_EDITS } from './edits.js';
import { makeFeeds } from './feeds.js';
import { loadModel, prepareModel, readModel, type ReadModel } from './model-session.js';
import { placeOf, type OpenedModel } from './open-model.js';

export interface ProbeOptions {
  readonly sites: readonly string[];
  /** Tokens of the one context. */
  readonly contextTokens: number;
  /** Edits of the model, with their tensors. */
  readonly edits?: ModelEdits;
  readonly engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;
}

/**
 * Resolves where the model runs and every site has the width that its structure tells.
 * @throws InputError with what ORT or the outputs say; ResourceError where memory or the provider is missing
 */
export async function probeModel(opened: Pick<OpenedModel, 'path' | 'summary'>, options: ProbeOptions): Promise<void> {
  const { path, summary } = opened;
  const read = await readModel(placeOf(opened));
  const prepared = await prepareModel(placeOf(opened), options.sites, {
    edits: options.edits ?? NO_EDITS,
    positionStart: summary.inputs.find(({ role }) => role === 'positions')?.start ?? null,
    read,
  });
  const model = await loadModel(prepared, options.engine).catch((error: unknown) => {
    throw inFile(path, error);
  });
  try {
    const length = options.contextTokens;
    const feeds = makeFeeds(model.inputs, { ids: spreadIds(length, summary), length });
    let values: Record<string, TensorValue>;
    try {
      values = await model.session.run(feeds, [...new Set(model.outputs)]);
    } catch (error) {
      throw cannotRun(path, options.contextTokens, error);
    }
    await checkWanted(opened, { read, options });
    const found = model.sites.map((site, i) => [site, values[model.outputs[i] ?? '']] as const);
    for (const [site, value] of found)
      checkSizes(path, site, { dims: value?.dims ?? [], tokens: options.contextTokens });
    // An edited model need not obey them.
    if (options.edits !== undefined && options.edits.list.length > 0) return;
    const identities = identitiesOf(summary.sites.map((site) => site.name));
    const named = found.map(([{ name }, value]) => [name, value] as const);
    requireIdentities(path, brokenAmong(identities, named));
  } finally {
    await model.release();
  }
}

/**
 * As `model run`: what is stored is what it would show.
 * @throws InputError where a wanted site's axes are not what its structure tells, or an equation fails that it takes part in
 */
async function checkWanted(
  opened: Pick<OpenedModel, 'path' | 'summary'>,
  { read, options }: { readonly read: ReadModel; readonly options: ProbeOptions },
): Promise<void> {
  const wanted = matchSites(options.sites, read.resolved.sites).sites.map(({ name }) => name);
  requireIdentities(opened.path, await checkSites({ ...opened, ...read }, options.engine, { wanted }));
}

/** @throws InputError where a site has another shape than its structure tells for one row of so many tokens */
function checkSizes(path: string, site: Site, { dims, tokens }: { dims: readonly number[]; tokens: number }): void {
  const { name, sizes } = site;
  if (hasDims(dims, expectedDims(site, 1, tokens))) return;
  throw new InputError(
    `${path}: expected site ${name} of shape [${sizes.join(', ')}] as the structure tells, the model gives [${dims.join(', ')}] for one row of ${tokens} tokens. This structure is not supported.`,
    { path, site: name, sizes, dims },
  );
}

function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof InputError)) return error;
  return new InputError(`${path}: ${error.message}`, { ...error.details, path }, { cause: error });
}

function cannotRun(path: string, contextTokens: number, error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'DataError') return error;
  return new InputError(
    `${path}: a context of ${contextTokens} tokens fails: ${error.message} Lower model.contextTokens, or export the model anew.`,
    { path, contextTokens },
    { cause: error },
  );
}
