// The backward graph of a model as a model of its own: what `assay model vjp` writes. Names are those of sites; a site that is
// only a view of a tensor, or lies inside a norm, is spliced by an identity, so that the gradient has the site's own axes.
import { buildVjpModel } from '../core/autodiff/vjp-model.js';
import { readSites } from '../core/hooks/read.js';
import { matchSites, resolveSites, type ModelSites, type Site } from '../core/hooks/sites.js';
import { spliceSites } from '../core/hooks/splice.js';
import type { GraphBuilder } from '../core/onnx/builder.js';
import { graphOf } from '../core/onnx/cut.js';
import { dataTypeName } from '../core/onnx/data-type.js';
import { upgradeOpset } from '../core/onnx/passes/upgrade-opset.js';
import type { ModelProto, ValueInfoProto } from '../core/onnx/proto.js';
import type { Value } from '../core/onnx/shape.js';
import { AssayError, InputError } from '../schemas/errors.js';
import { isFeatureEdit } from '../schemas/model-edits.js';
import { applyEdits, mappedFiles, type ModelEdits } from './apply-edits.js';
import { checkSites, requireIdentities } from './check-sites.js';
import { NO_EDITS } from './edits.js';
import { resolveGiven, type GivenEdits } from './given-edits.js';
import { chooseSites } from './model-session.js';
import { outputNamed } from './named-outputs.js';
import { openModel, type OpenedModel } from './open-model.js';
import { writeModelFiles, type WrittenModel } from './write-model.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

export interface VjpOptions {
  /** Outputs of the model, `logits` (core/hooks/model-outputs.ts says which that is), or sites: what the cotangents belong to. */
  readonly outputs: readonly string[];
  /** Sites or patterns: what to differentiate with respect to. */
  readonly wrt: readonly string[];
  /** Sites or patterns through which nothing flows back. */
  readonly stop: readonly string[];
  /** Edits that make another model of it: that one is differentiated. */
  readonly edits?: GivenEdits | undefined;
}

/** An input or output of the written model. */
export interface VjpTensor {
  readonly name: string;
  readonly dtype: string;
  /** Sizes, or names where they vary; empty text where nothing is known. */
  readonly shape: readonly (number | string)[];
}

export interface WrittenVjp extends WrittenModel {
  readonly model: string;
  readonly nodes: number;
  readonly inputs: readonly VjpTensor[];
  readonly outputs: readonly VjpTensor[];
}

/**
 * Writes the vector-Jacobian product of the model in `given` to `out`: inputs are the model's own and `cotangent.T`, outputs
 * `grad.SITE`.
 * @throws InputError for unknown sites and outputs, sites that fail the self-check, and as buildVjpModel; ResourceError where
 *   the file cannot be written
 */
export async function writeVjp(
  given: string,
  { out, ...options }: VjpOptions & { readonly out: string },
): Promise<WrittenVjp> {
  const opened = await openModel(given);
  const { path, model, summary } = opened;
  const edits = await resolveGiven(opened, options.edits, {
    ...{ length: summary.maxPositions ?? Infinity, lengthName: "the model's positions", batch: null, runSites: null },
  });
  const vjp = buildSiteVjp(model, { ...options, edits });
  await requireSites(opened, options);
  const external = [...summary.files.slice(1), ...mappedFiles(edits)];
  const sources = summary.files.map((file) => file.path);
  const written = await writeModelFiles(vjp, { file: out, external, sources });
  const graph = graphOf(vjp);
  return {
    ...written,
    model: path,
    nodes: graph.node.length,
    inputs: graph.input.map(describe),
    outputs: graph.output.map(describe),
  };
}

/** @throws InputError as `model run` for sites that cannot be trusted; a model that cannot run here is differentiated unchecked */
async function requireSites(opened: OpenedModel, { outputs, wrt, stop }: VjpOptions): Promise<void> {
  const wanted = matchSites([...outputs, ...wrt, ...stop], opened.summary.sites).sites.map(({ name }) => name);
  const broken = await checkSites(opened, ENGINE, { wanted }).catch((error: unknown) => {
    if (error instanceof AssayError) return [];
    throw error;
  });
  requireIdentities(opened.path, broken);
}

/**
 * The vector-Jacobian product between sites of a model.
 * 1. Upgrade, resolve and edit. 2. Splice an identity at every wrt and stop site that is no tensor of its own. 3. Read the outputs
 * that are sites. 4. Differentiate.
 * @throws InputError for unknown sites and outputs, and as buildVjpModel
 */
export function buildSiteVjp(
  model: ModelProto,
  { outputs, wrt, stop, edits = NO_EDITS }: Omit<VjpOptions, 'edits'> & { readonly edits?: ModelEdits },
): ModelProto {
  const upgraded = upgradeOpset(model);
  const resolved = resolveSites(upgraded);
  const [wanted, stopped] = [chooseSites(wrt, resolved), stop.length > 0 ? chooseSites(stop, resolved) : []];
  refuseEditedViews([...wanted, ...stopped], edits);
  const edited = applyEdits(upgraded, resolved.sites, edits);
  const { model: spliced, tensorOf } = asTensors(edited, [...wanted, ...stopped]);
  const targets = readOutputs(spliced, [...new Set(outputs)], resolved);
  const named = wanted.map((site) => ({ name: site.name, tensor: tensorOf(site) }));
  try {
    return buildVjpModel(targets.model, { outputs: targets.outputs, wrt: named, stop: stopped.map(tensorOf) });
  } catch (error) {
    throw withSite(error, named);
  }
}

/** The model in which every given site is a tensor of its own on the path, and these tensors. */
function asTensors(model: ModelProto, sites: readonly Site[]): { model: ModelProto; tensorOf: (site: Site) => string } {
  const identities = new Map<string, string>();
  const views = new Map(sites.filter((site) => !isTensor(site)).map((site) => [site.name, site]));
  const splices = [...views.values()].map((site) => ({
    site,
    edit: (g: GraphBuilder, value: Value): Value => {
      const identity = g.op('Identity', [value]);
      identities.set(site.name, identity.name);
      return identity;
    },
  }));
  return {
    model: splices.length === 0 ? model : spliceSites(model, splices),
    tensorOf: (site) => identities.get(site.name) ?? site.tensor,
  };
}

/** @throws InputError for a site inside a norm, or of some readers alone, that is edited as well: its place in the graph is taken */
function refuseEditedViews(sites: readonly Site[], { list }: ModelEdits): void {
  const changed = new Set(list.flatMap((edit) => (isFeatureEdit(edit) ? edit.dictionary.sites.names : [edit.site])));
  const twice = sites.find(
    ({ name, view, readers }) => changed.has(name) && (readers !== null || view?.kind === 'norm'),
  );
  if (twice === undefined) return;
  throw new InputError(
    `Expected sites other than the edited ones where these are no tensors of their own, found ${twice.name} edited and differentiated. Take the site before or behind it.`,
    { site: twice.name },
  );
}

function isTensor({ view, readers }: Site): boolean {
  return view === null && readers === null;
}

/** The tensors behind output names, and the model that has them. */
function readOutputs(
  model: ModelProto,
  names: readonly string[],
  resolved: ModelSites,
): { model: ModelProto; outputs: { name: string; tensor: string }[] } {
  const outputs = graphOf(model).output.map((info) => info.name ?? '');
  const ownTensor = (name: string): string | null => outputNamed(name, { outputs, results: resolved.results });
  // An output in other axes than [batch, pos, …] is seen as a site is.
  const seen = names.flatMap((name) => {
    const own = ownTensor(name);
    const site = own === null ? outputSite(name, { own: outputs, resolved }) : turnedOutput(own, resolved);
    return site === undefined ? [] : [{ name, site }];
  });
  const read = readSites(
    model,
    seen.map(({ site }) => site),
  );
  const found = names.map((name) => {
    const at = seen.findIndex((one) => one.name === name);
    return { name, tensor: (at < 0 ? ownTensor(name) : read.tensors[at]) ?? '' };
  });
  return { model: read.model, outputs: found };
}

function turnedOutput(output: string, { turnedOutputs }: ModelSites): Site | undefined {
  return turnedOutputs.find(({ name }) => name === output);
}

function outputSite(name: string, { own, resolved }: { own: readonly string[]; resolved: ModelSites }): Site {
  const [near] = name.includes('*') ? [] : chooseSites([name], { ...resolved, others: [...own, 'logits'] });
  if (near) return near;
  throw new InputError(
    `Expected one output of the model or one site, got the pattern "${name}". Repeat --output for each; the model's outputs are ${own.join(', ')}.`,
    { output: name, outputs: own },
  );
}

/** Names the site in an error about its tensor. */
function withSite(error: unknown, named: readonly { name: string; tensor: string }[]): unknown {
  if (!(error instanceof InputError)) return error;
  const { wrt } = error.details;
  const site = named.find(({ tensor }) => tensor === (Array.isArray(wrt) ? wrt[0] : wrt));
  if (site === undefined) return error;
  return new InputError(`${site.name}: ${error.message}`, { ...error.details, site: site.name }, { cause: error });
}

function describe({ name = '', type }: ValueInfoProto): VjpTensor {
  const { elemType = 0, shape } = type?.tensorType ?? {};
  return {
    name,
    dtype: dataTypeName(elemType) ?? `type ${elemType}`,
    shape: (shape?.dim ?? []).map(({ dimValue, dimParam }) => dimValue ?? dimParam ?? ''),
  };
}
