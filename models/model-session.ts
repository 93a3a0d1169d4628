// From a model's files to an inference session that computes the wanted sites and nothing else. Weights are mapped from
// their files by ONNX Runtime, also those stored inside the ONNX file, so that a child holds them once.
import path from 'node:path';
import { siteHint, type KnownSites } from '../core/hooks/nearest-sites.js';
import { readSites } from '../core/hooks/read.js';
import { matchSites, resolveSites, type ModelSites, type Site } from '../core/hooks/sites.js';
import { decodeModel, encodeModel, joinChunks } from '../core/onnx/codec.js';
import { flattenModel } from '../core/onnx/passes/flatten-model.js';
import { upgradeOpset } from '../core/onnx/passes/upgrade-opset.js';
import { cutToTensors, elementType, graphOf, type WantedTensor } from '../core/onnx/cut.js';
import { DATA_TYPE, dataTypeName } from '../core/onnx/data-type.js';
import { referStoredWeights, relocate } from '../core/onnx/external-data.js';
import { indexGraph } from '../core/onnx/graph-index.js';
import type { GraphProto, ModelProto, NodeProto } from '../core/onnx/proto.js';
import { Session, type SessionSettings } from '../runtime/session.js';
import { InputError } from '../schemas/errors.js';
import { applyEdits, mappedFiles, needsNewOpset, type ModelEdits } from './apply-edits.js';
import { inputRole, type ModelInput } from './feeds.js';
import { readOnnxFile } from './model-files.js';
import { positionStart } from './position-start.js';

/** Where a model's files lie on this machine; not necessarily under the names that the ONNX file uses. */
export interface ModelPlace {
  readonly onnx: string;
  /** The graph's bytes, where they lie in no file. */
  readonly content?: Uint8Array;
  readonly external: readonly { readonly location: string; readonly path: string }[];
  /** The tensors that the model's edits read, by digest; left out where it has none. */
  readonly editValues?: Readonly<Record<string, string>>;
}

/** A model as its file was read. */
export interface ReadModel {
  /** The ONNX file's bytes; the model's weights are views of them. */
  readonly bytes: Uint8Array;
  readonly model: ModelProto;
  readonly resolved: ModelSites;
}

/** A loaded model. */
export interface ModelSession extends Omit<PreparedModel, 'proto' | 'externalFolder'> {
  readonly session: Session;
  readonly release: () => Promise<void>;
}

/** A model cut to what is wanted, ready to load. */
export interface PreparedModel {
  readonly proto: Uint8Array;
  readonly externalFolder: string;
  readonly inputs: readonly ModelInput[];
  /** The first node that computes in bfloat16; null where none does. */
  readonly bfloat16: string | null;
  /** Sites that the patterns name, in the model's order. */
  readonly sites: readonly Site[];
  /** The session's output for each site and then for each extra tensor. */
  readonly outputs: readonly string[];
}

export interface PrepareOptions {
  /** Outputs of the model's own that are wanted too. */
  readonly extra?: readonly string[];
  /** Edits that make another model of it; sites then have the edited model's values. */
  readonly edits?: ModelEdits | undefined;
  /** The first number of a context's positions, where it is known before; left out: asked of the model. */
  readonly positionStart?: number | null;
  /** The model, where its file was read before. */
  readonly read?: ReadModel;
  /** Inputs that the caller added to the model and feeds itself. */
  readonly added?: readonly string[];
}

/** Stored tensors below this stay in the graph: ORT reads shapes and constants from them when it loads a model. */
const MAPPED_BYTES = 4096;
/** Element types that JavaScript cannot receive; a Cast to float32 is appended. */
const UNREADABLE: ReadonlySet<number> = new Set([DATA_TYPE.bfloat16, DATA_TYPE.float64]);

/**
 * The model in `place`, edited, cut to the sites that `patterns` name (in the model's order) and to `extra` outputs of its own.
 * @throws InputError for a damaged model, an unknown site or an unknown output
 */
export async function prepareModel(
  place: ModelPlace,
  patterns: readonly string[],
  { extra = [], edits, read, added = [], positionStart: told }: PrepareOptions = {},
): Promise<PreparedModel> {
  const { bytes, model, resolved } = editable(read ?? (await readModel(place)), edits);
  const outputs = graphOf(model).output.map(({ name }) => name ?? '');
  const sites = chooseSites(patterns, {
    ...resolved,
    others: [...outputs, ...(resolved.results.logits ? ['logits'] : [])],
  });
  const edited = edits ? applyEdits(model, resolved.sites, edits) : model;
  const shown = readSites(edited, [...sites, ...extra.map((output) => outputSite(output, resolved))]);
  const index = indexGraph(graphOf(shown.model));
  const wanted = shown.tensors.map((tensor): WantedTensor => {
    const type = elementType(index, tensor);
    return type !== null && UNREADABLE.has(type) ? { tensor, castTo: 'float32' } : { tensor };
  });
  const cut = cutToTensors(shown.model, wanted);
  const types = new Map(graphOf(model).input.map((i) => [i.name, i.type?.tensorType?.elemType ?? 0]));
  const start = told === undefined ? await positionStart(model, resolved, place) : told;
  const given = cut.inputs.filter((name) => !added.includes(name));
  const inputs = given.map((name): ModelInput => {
    const dtype = dataTypeName(types.get(name) ?? 0) ?? 'unknown';
    const role = name === resolved.tokenInput ? 'tokens' : inputRole(name, dtype);
    if (role === null) throw unknownInput(name);
    return role === 'positions' ? { name, dtype, role, start } : { name, dtype, role };
  });
  const files = [...place.external, ...(edits ? mappedFiles(edits) : [])];
  const { proto, externalFolder } = mapWeights(cut.model, bytes, { ...place, external: files });
  return { proto, externalFolder, inputs, bfloat16: bfloat16Node(graphOf(cut.model)), outputs: cut.outputs, sites };
}

/** The model in the opset that its edits need. */
export function editable(read: ReadModel, edits: ModelEdits | undefined): ReadModel {
  if (edits === undefined || !needsNewOpset(edits)) return read;
  const model = upgradeOpset(read.model);
  return model === read.model ? read : { bytes: read.bytes, model, resolved: resolveSites(model) };
}

/** An output of the model's own as a site: in [batch, pos, …] where its axes are known, else as it is. */
function outputSite(output: string, { turnedOutputs }: ModelSites): Site {
  const turned = turnedOutputs.find(({ name }) => name === output);
  const plain = {
    name: output,
    tensor: output,
    axes: [],
    sizes: [],
    width: 0,
    view: null,
    readers: null,
    readOnly: null,
  };
  return turned ?? plain;
}

/** The model in `place` and its sites. @throws InputError for a damaged model and an unknown structure */
export async function readModel(place: ModelPlace): Promise<ReadModel> {
  const bytes = place.content ?? (await readOnnxFile(place.onnx));
  const model = flattenModel(decodeModel(bytes));
  return { bytes, model, resolved: resolveSites(model) };
}

/** A node that reads or makes bfloat16, other than to turn stored weights into another type. */
function bfloat16Node({ initializer, node }: GraphProto): string | null {
  const half = new Set(initializer.filter(({ dataType }) => dataType === DATA_TYPE.bfloat16).map(({ name }) => name));
  const makes = ({ opType, attribute }: NodeProto): boolean =>
    opType === 'Cast' && attribute.some(({ name, i }) => name === 'to' && Number(i) === DATA_TYPE.bfloat16);
  const found = node.find((one) => makes(one) || (one.opType !== 'Cast' && one.input.some((name) => half.has(name))));
  return found ? `${found.opType ?? ''} "${found.name ?? found.output[0] ?? ''}"` : null;
}

function noBfloat16(node: string): InputError {
  return new InputError(
    `Expected a model that computes in float32 or float16, found bfloat16 (${node}): ONNX Runtime has no arithmetic of it on the CPU. Export the model with .float(), or take the folder with its safetensors, whose bfloat16 weights are read as float32.`,
    { node },
  );
}

/** A session over a prepared model. @throws as Session.create, and InputError for a type that the device cannot compute in */
export async function loadModel(
  prepared: PreparedModel,
  engine: Pick<SessionSettings, 'provider' | 'threads' | 'optimisation'>,
): Promise<ModelSession> {
  const { provider, threads, optimisation } = engine;
  const { proto, externalFolder, ...rest } = prepared;
  if (rest.bfloat16 !== null && provider === 'cpu') throw noBfloat16(rest.bfloat16);
  const session = await Session.create(proto, { provider, threads, optimisation, externalFolder });
  return { ...rest, session, release: () => session.release() };
}

/**
 * The sites that the patterns name, in the model's order.
 * @throws InputError for a pattern that names none, with the reason or the nearest names
 */
export function chooseSites(
  patterns: readonly string[],
  model: Pick<ModelSites, 'sites' | 'layers'> & Pick<KnownSites, 'unresolved' | 'others'>,
): Site[] {
  const { sites, unmatched } = matchSites(patterns, model.sites);
  const unknown = unmatched[0];
  if (unknown === undefined) return sites;
  const { text, nearest } = siteHint(unknown, model);
  throw new InputError(
    `Unknown site "${unknown}": the model has ${model.layers} blocks (0 to ${model.layers - 1}); ${text}. \`assay model inspect\` lists all.`,
    { site: unknown, nearest, layers: model.layers },
  );
}

function unknownInput(name: string): InputError {
  return new InputError(
    `Expected a model that needs only token ids, mask, positions and types, found the input "${name}". Export it without a cache.`,
    { input: name },
  );
}

/** Points every large weight to its file, relative to the one folder that ORT may read from. */
function mapWeights(
  model: ModelProto,
  file: Uint8Array,
  place: ModelPlace,
): { proto: Uint8Array; externalFolder: string } {
  const paths = new Map(place.external.map(({ location, path: at }) => [location, path.resolve(at)]));
  const onnx = place.content ? null : path.resolve(place.onnx);
  const externalFolder = commonFolder([...(onnx === null ? [] : [onnx]), ...paths.values()]);
  const below = (at: string): string => path.relative(externalFolder, at).split(path.sep).join('/');
  const moved = relocate(model, (location) => {
    const at = paths.get(location);
    if (at !== undefined) return below(at);
    throw new InputError(
      `Expected the external weights "${location}" among the model's files, found only ${[...paths.keys()].join(', ') || 'the ONNX file'}.`,
      { location },
    );
  });
  const mapped =
    onnx === null ? moved : referStoredWeights(moved, { file, location: below(onnx), leastBytes: MAPPED_BYTES });
  return { proto: joinChunks(encodeModel(mapped)), externalFolder };
}

function commonFolder(files: readonly string[]): string {
  const [first = path.sep, ...rest] = files.map((file) => path.dirname(file));
  let folder = first;
  for (const other of rest) {
    while (other !== folder && !other.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep)) {
      folder = path.dirname(folder);
    }
  }
  return folder;
}
