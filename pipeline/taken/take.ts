// Reads what lies at a path as dictionaries in the neutral form: one, or a set with a member for each layer. Every fault is one of
// the user's input, told with the file that has it. Writes nothing.
import path from 'node:path';
import { readAssayWeights } from '../../core/interop/assay-weights.js';
import { readDictionaryLearning } from '../../core/interop/dictionary-learning.js';
import { readGemmaScope } from '../../core/interop/gemma-scope.js';
import { readOpenai } from '../../core/interop/openai.js';
import { readSaelens } from '../../core/interop/saelens.js';
import { readSparsify } from '../../core/interop/sparsify.js';
import type { TakenDictionary } from '../../core/interop/taken-dictionary.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { TAKEN_FORMATS, type TakenFormat } from '../../schemas/taken.js';
import { detect, type Detected } from './detect.js';
import { openPlace, openTensors, readJson, type Place } from './place.js';
import type { TakenMember } from './member.js';
import { takeCircuitTracer } from './take-circuit-tracer.js';

export interface TakeRequest {
  readonly path: string;
  readonly format: TakenFormat | 'auto';
  /** Whether the run says that it reads one site and writes another; decides where the files do not. */
  readonly asTranscoder: boolean;
}

/** The dictionaries at a path, in the order of layers. @throws InputError where they cannot be told, read or applied */
export async function takeDictionaries(request: TakeRequest): Promise<TakenMember[]> {
  try {
    const place = await openPlace(request.path);
    const whole = await membersOf(place, request, null);
    if (whole !== null) return whole;
    return await takeSet(place, request);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new InputError(error.message, error.details, { cause: error });
  }
}

/** What one place holds by itself; null where it is none of the formats. */
async function membersOf(place: Place, request: TakeRequest, layer: number | null): Promise<TakenMember[] | null> {
  const found = await detect(place);
  const { format } = request;
  if (found === null) return null;
  if (format !== 'auto' && format !== found.format && !(await mayBe(format, found)))
    throw otherFormat(place, format, found.format);
  const actual = format === 'auto' ? found.format : format;
  if (actual === 'circuit-tracer') return takeCircuitTracer(place);
  const dictionary = await readOne(place, { ...found, format: actual }, request.asTranscoder);
  return [{ layer, path: place.path, dictionary }];
}

/** The formats of torch files share tensor names; the one that is named is tried. */
function mayBe(format: TakenFormat, found: Detected): Promise<boolean> {
  const torch: readonly TakenFormat[] = ['openai', 'dictionary_learning'];
  return Promise.resolve(torch.includes(format) && torch.includes(found.format));
}

async function readOne(place: Place, { format, weights }: Detected, asTranscoder: boolean): Promise<TakenDictionary> {
  const container = await openTensors(weights as string);
  const cfg = (await readJson(place, 'cfg.json')) ?? { name: 'cfg.json', value: undefined };
  switch (format) {
    case 'saelens':
      return readSaelens({ cfg, weights: container, scaler: await readJson(place, 'activation_scaler.json') });
    case 'sparsify': {
      const folder = path.basename(place.isFile ? path.dirname(place.path) : path.resolve(place.path));
      return readSparsify({
        cfg,
        weights: container,
        folder,
        training: (await readJson(place, '../config.json'))?.value,
      });
    }
    case 'dictionary_learning':
      return readDictionaryLearning({ weights: container, config: await readJson(place, 'config.json') });
    case 'openai':
      return readOpenai(container);
    case 'gemma-scope':
      return readGemmaScope(container, asTranscoder);
    case 'assay':
      return readAssayWeights(container);
    case 'circuit-tracer':
      throw new InputError(`Expected the folder of circuit-tracer's files, found ${place.path}; give the folder.`);
  }
}

/** A folder whose folders or files hold one dictionary for each layer. */
async function takeSet(place: Place, request: TakeRequest): Promise<TakenMember[]> {
  const members: TakenMember[] = [];
  const names = place.isFile
    ? []
    : [...place.folders, ...place.files.filter((name) => /\.(safetensors|npz|pt)$/.test(name))];
  for (const name of names) {
    const inner = await openPlace(path.join(place.path, name));
    const layer = layerOf(name);
    const found = await membersOf(inner, request, layer);
    if (found === null) continue;
    if (layer === null || members.some((member) => member.layer === layer)) throw unnumbered(place, name);
    members.push(...found);
  }
  if (members.length === 0) throw untold(place, request.format);
  return members.sort((a, b) => (a.layer ?? 0) - (b.layer ?? 0));
}

/** The number of a layer in a name: after a word for layers, else the only number. */
function layerOf(name: string): number | null {
  const named = /(?:layers?|blocks?|h)[._-]?(\d+)/.exec(name)?.[1];
  const numbers = name.match(/\d+/g) ?? [];
  const text = named ?? (numbers.length === 1 ? numbers[0] : undefined);
  return text === undefined ? null : Number(text);
}

function unnumbered(place: Place, name: string): InputError {
  return new InputError(
    `Expected one dictionary per layer in ${place.path}, with the layer's number in each name, found ${name}, whose number is missing or taken; give the folder of one dictionary, or name the layers.`,
    { path: place.path, name },
  );
}

function untold(place: Place, format: string): InputError {
  const files = [...place.folders.map((name) => `${name}/`), ...place.files];
  const shown = files.slice(0, 12).join(', ') || 'nothing';
  const known = TAKEN_FORMATS.join(', ');
  return new InputError(
    `Expected a dictionary${format === 'auto' ? '' : ` of format ${format}`} at ${place.path}, found ${shown}, which is none of the formats ${known}: a folder with cfg.json and weights (saelens, sparsify), ae.pt (dictionary_learning), a .pt (openai), params.npz (gemma-scope), config.yaml or layer_N.safetensors (circuit-tracer), or weights of this program.`,
    { path: place.path, format },
  );
}

function otherFormat(place: Place, format: string, found: string): InputError {
  return new InputError(
    `Expected a dictionary of format ${format} at ${place.path}, found one of ${found}; leave the format out, or write ${found}.`,
    { path: place.path, format, found },
  );
}
