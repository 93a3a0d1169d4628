// Runs a model on token ids and returns (or writes) the named sites: what `assay model run` does. Everything at once in this
// process; the pipeline's own extraction is `stages/activations`.
import { readFile } from 'node:fs/promises';
import type { EditTensor } from '../core/hooks/edit-value.js';
import { matchSites } from '../core/hooks/sites.js';
import { canonicalJson } from '../core/identity/canonical-json.js';
import { halfToFloat } from '../core/tensor/half.js';
import { encodeSafetensors, safeTensor, type SafeTensor } from '../core/tensor/safetensors.js';
import { DataError, InputError, ResourceError } from '../schemas/errors.js';
import { passMachineFault } from '../schemas/system-errors.js';
import type { TensorValue } from '../runtime/session.js';
import type { EngineConfig, ModelReference } from '../schemas/stored.js';
import { NO_EDITS, type ResolvedEdits } from './edits.js';
import { resolveGiven, type GivenContexts, type GivenEdits } from './given-edits.js';
import { checkSites, requireIdentities } from './check-sites.js';
import { countsPositionsItself, makeFeeds, type InputRows } from './feeds.js';
import { loadModel, prepareModel } from './model-session.js';
import { splitHooks, type NamedOutput } from './named-outputs.js';
import { openModel, placeOf, type OpenedModel } from './open-model.js';
import { writeChunks } from '../storage/files/local-file.js';

export interface RunModelOptions {
  /** Names or patterns of sites; `logits` and names of the model's outputs stand for those. */
  readonly hooks: readonly string[];
  /** Also `logits`. */
  readonly logits?: boolean;
  /** Edits that make another model of it. */
  readonly edits?: GivenEdits;
  readonly engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;
}

/** Token ids, row-major, all rows of one length; with a mask and positions of their own where given. */
export type IdRows = InputRows;

export interface ModelRun {
  /** The values of the sites in the model's order, then of its outputs, by name. */
  readonly values: ReadonlyMap<string, TensorValue>;
  /** The model that gave them, edits included. */
  readonly model: ModelReference;
  /** Activations that the model quantises by their own values: above 0 the rows' values depend on each other. */
  readonly dynamicQuantisation: number;
  /** Whether there is padding before tokens and no input for positions: what the model counts is its own affair. */
  readonly countsPositionsItself: boolean;
}

/** Rows of token ids as JSON: a list of equally long lists, or one list. @throws InputError that says what was found */
export function parseIds(text: string): IdRows {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badIds((error as Error).message);
  }
  const rows: unknown[] = Array.isArray(value) && !Array.isArray(value[0]) ? [value] : (value as unknown[]);
  if (!Array.isArray(rows) || rows.length === 0) throw badIds('no list of rows');
  const first = rows[0];
  const length = Array.isArray(first) ? first.length : 0;
  if (length === 0) throw badIds('an empty first row');
  const ids = new Uint32Array(rows.length * length);
  rows.forEach((row, r) => {
    if (!Array.isArray(row) || row.length !== length) {
      throw badIds(`row ${r} of ${Array.isArray(row) ? row.length : 'no'} ids where row 0 has ${length}`);
    }
    row.forEach((id: unknown, i) => {
      if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= 2 ** 31) {
        throw badIds(`${typeof id === 'object' ? 'no number' : JSON.stringify(id)} at row ${r}, position ${i}`);
      }
      ids[r * length + i] = id as number;
    });
  });
  return { ids, length };
}

/**
 * What the model, edited, gives for ids [rows, length].
 * @throws InputError for ids outside the vocabulary, too long a row, an unknown site, or an edit that does not fit
 */
export async function computeModelRun(given: string, rows: IdRows, options: RunModelOptions): Promise<ModelRun> {
  const opened = await openModel(given);
  checkRows(rows, opened);
  const { hooks, outputs } = splitHooks([...options.hooks, ...(options.logits ? ['logits'] : [])], opened.summary);
  const { sites } = matchSites(hooks, opened.summary.sites);
  const wanted = sites.map((site) => site.name);
  requireIdentities(opened.path, await checkSites(opened, options.engine, { wanted }));
  const edits = await resolveGiven(opened, options.edits, {
    length: rows.length,
    lengthName: 'tokens in a row',
    batch: rows.ids.length / rows.length,
    runSites: sitesOnIds(opened, options),
  });
  const values = await computeSites(opened, rows, { ...options, hooks, outputs, edits });
  const { digest, dynamicQuantisation, inputs } = opened.summary;
  const model = { base: digest, edits: edits.list };
  return { values, model, dynamicQuantisation, countsPositionsItself: countsPositionsItself(inputs, rows) };
}

/** The values alone of `computeModelRun`. */
export async function runModel(given: string, rows: IdRows, options: RunModelOptions): Promise<ModelRun['values']> {
  return (await computeModelRun(given, rows, options)).values;
}

interface PassOptions extends Pick<RunModelOptions, 'hooks' | 'engine'> {
  readonly outputs: readonly NamedOutput[];
  readonly edits: ResolvedEdits;
}

async function computeSites(
  opened: OpenedModel,
  rows: IdRows,
  { hooks, outputs: own, edits, engine }: PassOptions,
): Promise<Map<string, TensorValue>> {
  const extra = own.map(({ tensor }) => tensor);
  const prepared = await prepareModel(placeOf(opened), hooks, { extra, edits, read: opened });
  const { session, inputs, outputs } = await loadModel(prepared, engine);
  try {
    const results = await session.run(makeFeeds(inputs, rows), [...new Set(outputs)]);
    const names = [...prepared.sites.map((site) => site.name), ...own.map(({ name }) => name)];
    const values = new Map(names.map((name, i) => [name, results[outputs[i] ?? ''] as TensorValue]));
    const shown = values.get('logits')?.dims;
    if (shown?.length === 3) checkLogits(opened.path, shown, [rows.ids.length / rows.length, rows.length]);
    return values;
  } finally {
    await session.release();
  }
}

/** @throws InputError where logits are not one vector per row and position of the ids */
function checkLogits(path: string, dims: readonly number[], [rows, length]: readonly [number, number]): void {
  if (dims[0] === rows && dims[1] === length) return;
  throw new InputError(
    `${path}: expected logits [batch, pos, …] of sizes [${rows}, ${length}, …] for ${rows} rows of ${length} ids, the model gives [${dims.join(', ')}]: its positions are not those of the ids. Leave logits out of --hooks.`,
    { path, dims, rows, length },
  );
}

/** What the unedited model has at sites for the ids in a file. */
export function sitesOnIds(
  opened: OpenedModel,
  { engine }: Pick<RunModelOptions, 'engine'>,
): NonNullable<GivenContexts['runSites']> {
  return async (file, hooks) => {
    const rows = parseIds(await readIdsFile(file));
    checkRows(rows, opened);
    const values = await computeSites(opened, rows, { hooks, outputs: [], edits: NO_EDITS, engine });
    return (site) => asTensor(site, values.get(site));
  };
}

function asTensor(site: string, value: TensorValue | undefined): EditTensor {
  const [shape, data] = [value?.dims ?? [], value?.data];
  if (data instanceof Float32Array) return { shape, data };
  if (data instanceof Uint16Array) return { shape, data: Float32Array.from(data, halfToFloat) };
  throw new DataError(`Expected ${site} as float32 or float16, found ${value?.dtype ?? 'nothing'}.`, { site });
}

/** The text of a file with token ids. @throws InputError where it cannot be read */
export async function readIdsFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    passMachineFault(error);
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new InputError(
      `Expected a JSON file with token ids at ${path}, found none that can be read (${code}); correct the path.`,
      { path, code },
    );
  }
}

/** Writes values as a safetensors file, with `input_ids` beside them and the model's reference in the metadata. */
export async function writeModelRun(
  file: string,
  { ids, length }: IdRows,
  { values, model }: Pick<ModelRun, 'values' | 'model'>,
): Promise<void> {
  const rows = ids.length / length;
  const tensors = new Map<string, SafeTensor>([['input_ids', safeTensor(Int32Array.from(ids), [rows, length])]]);
  for (const [name, { data, dims, dtype }] of values) {
    if (!(data instanceof Float32Array || data instanceof Uint16Array)) {
      throw new DataError(`Expected "${name}" as float32 or float16, found ${dtype}.`, {
        name,
        dtype,
      });
    }
    tensors.set(name, safeTensor(data, dims));
  }
  await writeChunks(file, encodeSafetensors(tensors, { model: canonicalJson(model) })).catch((error: unknown) => {
    throw cannotWrite(file, error);
  });
}

function cannotWrite(file: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  const isPath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EROFS'].includes(code);
  const text = `Expected to write ${file}, cannot (${code}).`;
  return isPath
    ? new InputError(`${text} Make its folder, or name another file.`, { file, code }, { cause: error })
    : new ResourceError(`${text} Free space, or name another file.`, { file, code }, { cause: error });
}

function checkRows({ ids, length }: IdRows, { summary }: OpenedModel): void {
  checkIds(ids, summary);
  if (summary.maxPositions === null || length <= summary.maxPositions) return;
  throw new InputError(
    `Expected rows of at most ${summary.maxPositions} ids (what the model's positions allow), found ${length}. Cut the rows.`,
    { length, maxPositions: summary.maxPositions },
  );
}

function checkIds(ids: Uint32Array, { firstId, vocab }: OpenedModel['summary']): void {
  const at = ids.findIndex((id) => id < firstId || id >= vocab);
  if (at < 0) return;
  const range = firstId === 0 ? `below ${vocab}` : `from ${firstId} to ${vocab - 1}`;
  throw new InputError(
    `Expected token ids ${range} (the rows of the model's embedding), found ${ids[at] ?? 0} at place ${at}.`,
    { id: ids[at], firstId, vocab, at },
  );
}

function badIds(found: string): InputError {
  return new InputError(
    `Expected token ids as a JSON list of equally long lists of non-negative integers, e.g. [[0, 17, 5]], found ${found}.`,
    { found },
  );
}
