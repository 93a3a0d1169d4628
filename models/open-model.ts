// Opens a local ONNX model: checks what this project can work with, and says what is in it. Runs nothing; whether ONNX
// Runtime accepts the model's operators is asked by `probe-model.ts`.
import { decodeModel } from '../core/onnx/codec.js';
import { flattenModel } from '../core/onnx/passes/flatten-model.js';
import { cutToTensors, graphOf } from '../core/onnx/cut.js';
import { dataTypeName } from '../core/onnx/data-type.js';
import type { GraphProto, ModelProto } from '../core/onnx/proto.js';
import type { ModelOutputs } from '../core/hooks/model-outputs.js';
import { resolveSites, type ModelSites, type Site, type UnresolvedSite } from '../core/hooks/sites.js';
import { InputError } from '../schemas/errors.js';
import { writeFolderModel } from './folder/folder-model.js';
import { inputRole, type ModelInput } from './feeds.js';
import type { ModelPlace, ReadModel } from './model-session.js';
import { locateFolder, locateModel, modelFiles, readOnnxFile, writtenFiles, type ModelFile } from './model-files.js';
import { modelDigest } from './model-digest.js';
import { positionStart } from './position-start.js';

/** What is in a model's graph, wherever its weights are. */
export interface ModelStructure {
  readonly layers: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** The smallest token id; 0 but where the model shifts ids before its table. */
  readonly firstId: number;
  /** Token ids are below this: the rows of the token embedding, and what ids are shifted by. */
  readonly vocab: number;
  /** Tokens that fit, where a learned position table is visible or config.json says it; null where neither is. */
  readonly maxPositions: number | null;
  readonly norm: 'pre' | 'post';
  /** Null where not found or not the same in every block. */
  readonly heads: number | null;
  readonly kvHeads: number | null;
  readonly dHead: number | null;
  readonly dMlp: number | null;
  readonly sites: readonly Site[];
  /** Sites that are not certain, with the reason. */
  readonly unresolved: readonly UnresolvedSite[];
  /** Inputs that the sites need. */
  readonly inputs: readonly ModelInput[];
  readonly outputs: readonly string[];
  /** Which of the outputs is the model's result, and which need more of it. */
  readonly results: ModelOutputs;
  /** Activations that it quantises by their own values; 0: a context's values do not depend on its batch. */
  readonly dynamicQuantisation: number;
  readonly opset: number;
  readonly ir: number;
  readonly producer: string;
}

/** What `assay model inspect` prints and planning reads. */
export interface ModelSummary extends ModelStructure {
  /** Identity of the model, external data included (rule: `modelDigest`). */
  readonly digest: string;
  /** The ONNX file, then external data by location. */
  readonly files: readonly ModelFile[];
  /** The family whose graph we wrote for a folder of config.json and safetensors; null for an ONNX file. */
  readonly family: string | null;
}

export interface OpenedModel extends ReadModel {
  readonly path: string;
  readonly summary: ModelSummary;
}

/** Newest versions that ONNX Runtime 1.30 loads, and the oldest opset that it has kernels for. */
const LIMITS = { opset: 26, oldestOpset: 7, ir: 13 } as const;

/**
 * The model in a file or in a Hugging Face-style folder: the ONNX file in it, or the graph that we write for its safetensors.
 * @throws InputError where it is no ONNX model, too new, of unknown structure, needs unknown inputs or other files
 */
export async function openModel(given: string): Promise<OpenedModel> {
  const folder = await locateFolder(given);
  const written = folder === null ? null : await writeFolderModel(folder);
  const path = folder ?? (await locateModel(given));
  const bytes = written?.onnx ?? (await readOnnxFile(path));
  const model = inFile(path, () => flattenModel(decodeModel(bytes)));
  inFile(path, () => checkVersions(model));
  const files = written ? await writtenFiles(path, bytes, written.weights) : await modelFiles(path, bytes, model);
  const resolved = inFile(path, () => resolveSites(model));
  const structure = inFile(path, () => readStructure(model, resolved));
  const start = await positionStart(model, resolved, { external: files.slice(1) });
  const inputs = structure.inputs.map((input) => (input.role === 'positions' ? { ...input, start } : input));
  const fits = structure.maxPositions === null ? null : structure.maxPositions - (start ?? 0);
  const maxPositions = written?.maxPositions ?? fits;
  const identity = { digest: modelDigest(files), files, family: written?.family ?? null };
  return { path, bytes, model, resolved, summary: { ...structure, ...identity, inputs, maxPositions } };
}

/** What is in a model's graph. @throws InputError where it is too new, of unknown structure, or needs unknown inputs */
export function readStructure(model: ModelProto, resolved: ModelSites = resolveSites(model)): ModelStructure {
  const { opset, ir } = checkVersions(model);
  const inputs = neededInputs(model, resolved);
  const { tokenInput: _, ...structure } = resolved;
  const producer = [model.producerName, model.producerVersion].filter((text) => text).join(' ');
  const outputs = graphOf(model).output.map((info) => info.name ?? '');
  return { ...structure, inputs, outputs, opset, ir, producer };
}

/** Where an opened model's files lie, for loading it. */
export function placeOf({ path, summary }: Pick<OpenedModel, 'path' | 'summary'>): ModelPlace {
  const [graph, ...external] = summary.files;
  return { onnx: path, external, ...(graph?.content && { content: graph.content }) };
}

/** Runs a check and names the file in what it throws. */
function inFile<T>(path: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${path}: ${error.message}`, { ...error.details, path }, { cause: error });
  }
}

function checkVersions(model: ModelProto): { opset: number; ir: number } {
  const ir = model.irVersion ?? 0;
  const standard = model.opsetImport.find((entry) => ['', 'ai.onnx'].includes(entry.domain ?? ''));
  const opset = standard?.version ?? 0;
  if (opset >= LIMITS.oldestOpset && opset <= LIMITS.opset && ir <= LIMITS.ir) return { opset, ir };
  throw new InputError(
    `Expected ONNX opset ${LIMITS.oldestOpset} to ${LIMITS.opset} and IR version up to ${LIMITS.ir}, found opset ${opset} and IR version ${ir}. Export the model with opset_version=20.`,
    { opset, ir },
  );
}

function neededInputs(model: ModelProto, { sites, tokenInput }: ModelSites): ModelInput[] {
  const graph = graphOf(model);
  const cut = cutToTensors(
    model,
    sites.map(({ tensor }) => ({ tensor })),
  );
  const needed = cut.inputs.map((name) => describeInput(graph, name, tokenInput));
  const unknown = needed.filter((input) => input.role === null);
  if (unknown.length === 0) {
    for (const { name } of needed) checkAxes(graph, name);
    return needed as ModelInput[];
  }
  const names = unknown.map((input) => `${input.name} (${input.dtype})`).join(', ');
  throw new InputError(
    `Expected a model that needs only input_ids, attention_mask, position_ids or token_type_ids, found also ${names}. Export it without a cache (use_cache=False) and without further inputs.`,
    { inputs: unknown.map((input) => input.name) },
  );
}

/** @throws InputError for an input that is not declared with an axis of rows and one of positions */
function checkAxes(graph: GraphProto, name: string): void {
  const shape = graph.input.find((info) => info.name === name)?.type?.tensorType?.shape;
  if (shape === undefined || shape.dim.length === 2) return;
  const axes = shape.dim.map(({ dimValue, dimParam }) => dimValue ?? dimParam ?? '?').join(', ');
  throw new InputError(
    `Expected input "${name}" with the two axes [batch, positions], found ${shape.dim.length}: [${axes}]. Export the model so that it takes "${name}" as [batch, positions] and makes other forms of it inside.`,
    { input: name, axes: shape.dim.length },
  );
}

function describeInput(
  graph: GraphProto,
  name: string,
  tokenInput: string,
): Omit<ModelInput, 'role'> & { role: ModelInput['role'] | null } {
  const type = graph.input.find((info) => info.name === name)?.type?.tensorType;
  const dtype = dataTypeName(type?.elemType ?? 0) ?? `type ${type?.elemType ?? 'unknown'}`;
  return { name, dtype, role: name === tokenInput ? 'tokens' : inputRole(name, dtype) };
}
