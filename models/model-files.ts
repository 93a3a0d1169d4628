// Finds the files that make up a model and their digests. External data must lie inside the model's folder: a path from a
// file that a stranger wrote may not reach anything else. Large files are hashed as streams, never read whole.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex } from '../core/identity/digest.js';
import { checkModel } from '../core/onnx/check-model.js';
import { externalReferences } from '../core/onnx/external-data.js';
import type { ModelProto } from '../core/onnx/proto.js';
import { shownName } from '../core/onnx/shown-name.js';
import { InputError } from '../schemas/errors.js';
import { passMachineFault } from '../schemas/system-errors.js';
import { nearestNames } from '../core/text/nearest-names.js';
import { refuseAdapter } from './folder/adapter.js';
import { isPlainFile } from './folder/plain-file.js';

export interface ModelFile {
  /** As the ONNX file names it; for the ONNX file itself its own name. */
  readonly location: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The bytes of a graph that was written in memory: then `path` is the folder that it was written for. */
  readonly content?: Uint8Array;
}

/** Greatest size of an ONNX file: the limit of protobuf and of Node's readFile. Larger models keep weights outside. */
const MAX_ONNX_BYTES = 2 ** 31 - 1;
/** Longest name of a file with weights; longer ones exist on no file system. */
const MAX_LOCATION = 1024;
/** Most bytes of a weights file that no tensor uses: a file that never ends must not be hashed for ever. */
const MAX_UNUSED_BYTES = 2 ** 36;
/** Where a Hugging Face-style folder has its model, in order of preference. */
const FOLDER_PLACES: readonly string[] = ['model.onnx', path.join('onnx', 'model.onnx')];
/** Files of a folder as Hugging Face saves models: no model by themselves. */
const FOLDER_FILE = /^config\.json$|\.safetensors(\.index\.json)?$/;
/** What a graph that was written in memory is called among its model's files. */
const WRITTEN_NAME = 'model.onnx';

/** The ONNX file that a path means: the file itself, or `model.onnx` / `onnx/model.onnx` in a folder. @throws InputError */
export async function locateModel(given: string): Promise<string> {
  const info = await statOrNull(given);
  if (info?.isFile() && FOLDER_FILE.test(path.basename(given))) throw fileOfFolder(given);
  if (info?.isFile()) return path.resolve(given);
  if (!info?.isDirectory()) throw await missingFile(given);
  for (const place of FOLDER_PLACES) {
    const candidate = path.resolve(given, place);
    if ((await statOrNull(candidate))?.isFile()) return candidate;
  }
  await refuseAdapter(given);
  throw new InputError(
    `Expected ${FOLDER_PLACES.join(' or ')} in the folder "${given}", or config.json with safetensors, found neither. Export the model into it, or give the path of the .onnx file.`,
    { path: given },
  );
}

/**
 * The folder with config.json and without an ONNX file that a path means: its graph is written by us (models/folder); null where
 * the path means an ONNX file.
 */
export async function locateFolder(given: string): Promise<string | null> {
  if (!(await statOrNull(given))?.isDirectory()) return null;
  for (const place of FOLDER_PLACES) if ((await statOrNull(path.resolve(given, place)))?.isFile()) return null;
  return (await isPlainFile(path.resolve(given, 'config.json'))) ? path.resolve(given) : null;
}

/** The files of a model whose graph was written in memory: the graph, then its weights in the order given. */
export async function writtenFiles(
  folder: string,
  onnx: Uint8Array,
  weights: readonly { readonly location: string; readonly path: string }[],
): Promise<ModelFile[]> {
  const graph = { location: WRITTEN_NAME, path: folder, bytes: onnx.length, sha256: sha256Hex(onnx), content: onnx };
  const files: ModelFile[] = [graph];
  for (const { location, path: file } of weights)
    files.push({ location, path: file, bytes: (await stat(file)).size, sha256: await hashFile(file) });
  return files;
}

/** The bytes of an ONNX file. @throws InputError where it cannot be read or is larger than protobuf allows */
export async function readOnnxFile(file: string): Promise<Uint8Array> {
  const info = await statOrNull(file);
  if (!info?.isFile()) throw await missingFile(file);
  if (info.size > MAX_ONNX_BYTES) {
    throw new InputError(
      `Expected an ONNX file below 2 GiB, "${file}" has ${info.size} bytes. Export it with external data (external_data=True), so that weights lie in a file beside it.`,
      { path: file, bytes: info.size },
    );
  }
  try {
    return await readFile(file);
  } catch (error) {
    passMachineFault(error);
    throw new InputError(`Cannot read "${file}": ${(error as Error).message}.`, { path: file }, { cause: error });
  }
}

/**
 * The model's files, the ONNX file first, then external data by location.
 * @throws InputError for tensors without their data and for external data that is missing, too short or outside
 */
export async function modelFiles(onnxPath: string, onnx: Uint8Array, model: ModelProto): Promise<ModelFile[]> {
  const needed = neededBytes(onnxPath, model);
  const external: Omit<ModelFile, 'sha256'>[] = [];
  for (const location of [...needed.keys()].sort()) {
    const file = await insideFolder(onnxPath, location);
    const bytes = (await stat(file)).size;
    checkSize(file, bytes, needed.get(location) ?? 0);
    external.push({ location, path: file, bytes });
  }
  // Hashed once everything is known to be there: that takes a second per two gigabytes.
  const files: ModelFile[] = [
    {
      location: path.basename(onnxPath),
      path: onnxPath,
      bytes: onnx.length,
      sha256: sha256Hex(onnx),
    },
  ];
  for (const file of external) files.push({ ...file, sha256: await hashFile(file.path) });
  return files;
}

/** How many bytes each external file must have at least, by location. */
function neededBytes(onnxPath: string, model: ModelProto): Map<string, number> {
  const needed = new Map<string, number>();
  try {
    checkModel(model);
    for (const { location, offset, length, tensor } of externalReferences(model)) {
      const known = needed.get(location);
      if (known === undefined) refuseOutside(location, onnxPath, tensor);
      needed.set(location, Math.max(offset + (length ?? 0), known ?? 0));
    }
  } catch (error) {
    if (!(error instanceof InputError) || error.message.includes(onnxPath)) throw error;
    throw new InputError(`${onnxPath}: ${error.message}`, { ...error.details, path: onnxPath }, { cause: error });
  }
  return needed;
}

function checkSize(file: string, bytes: number, needed: number): void {
  if (bytes < needed) {
    throw new InputError(
      `Expected at least ${needed} bytes of weights in "${file}", found ${bytes}: the file is cut short. Copy or download it again.`,
      { path: file, bytes, needed },
    );
  }
  if (bytes - needed > MAX_UNUSED_BYTES) {
    throw new InputError(
      `Expected weights in "${file}", found ${bytes} bytes of which tensors use the first ${needed} only: this is another file. Export the model anew.`,
      { path: file, bytes, needed },
    );
  }
}

/** SHA-256 of a file, read as a stream. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Refuses names that could mean a file elsewhere on any system, also on those that this is not. */
function refuseOutside(location: string, onnxPath: string, tensor: string): void {
  const steps = location.split(/[\\/]/);
  const absolute = path.posix.isAbsolute(location) || path.win32.isAbsolute(location) || /^[a-z]:/i.test(location);
  const where = `weight "${shownName(tensor)}" names it`;
  if (absolute || steps.includes('..')) throw outside(location, onnxPath, where);
  if (location.length <= MAX_LOCATION && !/\p{Cc}/u.test(location)) return;
  throw outside(location, onnxPath, `${where}; it is no name of a file`);
}

async function insideFolder(onnxPath: string, location: string): Promise<string> {
  const folder = path.dirname(onnxPath);
  const file = path.join(folder, location);
  if (path.relative(folder, file) === '') throw outside(location, onnxPath, 'it is the folder');
  const own = await realpath(folder);
  // The folder first: what lies elsewhere is neither looked at nor listed, not even for a better message.
  for (const place of [path.dirname(file), file]) {
    const real = await realpath(place).catch(() => null);
    if (real !== null && leaves(path.relative(own, real)))
      throw outside(location, onnxPath, 'a symbolic link leads there');
  }
  const info = await statOrNull(file);
  if (!info?.isFile()) throw await missingFile(file, ` (external weights of "${onnxPath}")`);
  const model = await statOrNull(onnxPath);
  if (model?.ino === info.ino && model.dev === info.dev) {
    throw new InputError(
      `Expected external weights of "${onnxPath}" in a file of their own, found the model itself ("${shownName(location)}"). Export the model anew.`,
      { path: onnxPath, location: shownName(location) },
    );
  }
  return file;
}

/** Whether a relative path leads out of the folder that it starts in. */
function leaves(relative: string): boolean {
  return relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
}

function outside(location: string, onnxPath: string, how: string): InputError {
  return new InputError(
    `Expected external weights inside the folder of "${onnxPath}", found "${shownName(location)}" outside it (${how}). Copy the file beside the model and export or save the model with that name.`,
    { path: onnxPath, location: shownName(location) },
  );
}

function fileOfFolder(given: string): InputError {
  return new InputError(
    `Expected an .onnx file or a model's folder, found "${given}", one file of such a folder. Give the folder: "${path.dirname(given)}".`,
    { path: given },
  );
}

async function missingFile(file: string, what = ''): Promise<InputError> {
  const folder = path.dirname(path.resolve(file));
  const there = await readdir(folder).catch(() => []);
  const near = nearestNames(path.basename(file), there);
  const hint =
    near.length > 0
      ? ` Did you mean ${near.join(' or ')}?`
      : ' Give the path of an .onnx file or of a folder with one.';
  return new InputError(`No such file: "${file}"${what}.${hint}`, { path: file, nearest: near });
}

async function statOrNull(file: string): Promise<Awaited<ReturnType<typeof stat>> | null> {
  return stat(file).catch(() => null);
}
