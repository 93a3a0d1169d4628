// Runs a model on token ids and returns (or writes) the named sites: what `assay model run` does. Everything at once in this
// process; the pipeline's own extraction is `stages/activations`.
import { writeFile } from 'node:fs/promises';
import { encodeSafetensors, safeTensor, type SafeTensor } from '../../core/tensor/safetensors.js';
import { DataError, InputError } from '../../schemas/errors.js';
import type { TensorValue } from '../../runtime/session.js';
import type { EngineConfig } from '../configs.js';
import { makeFeeds } from './feeds.js';
import { loadModel, prepareModel } from './model-session.js';
import { openModel } from './open-model.js';

export interface RunModelOptions {
  /** Site names or patterns. */
  readonly hooks: readonly string[];
  /** Also write `logits` (the model's first output). */
  readonly logits?: boolean;
  readonly engine: Pick<EngineConfig, 'provider' | 'threads' | 'optimisation'>;
}

/** Rows of token ids as JSON: a list of equally long lists, or one list. @throws InputError that says what was found */
export function parseIds(text: string): { ids: Uint32Array; length: number } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badIds((error as Error).message);
  }
  const rows: unknown[] =
    Array.isArray(value) && !Array.isArray(value[0]) ? [value] : (value as unknown[]);
  if (!Array.isArray(rows) || rows.length === 0) throw badIds('no list of rows');
  const first = rows[0];
  const length = Array.isArray(first) ? first.length : 0;
  if (length === 0) throw badIds('an empty first row');
  const ids = new Uint32Array(rows.length * length);
  rows.forEach((row, r) => {
    if (!Array.isArray(row) || row.length !== length) {
      throw badIds(
        `row ${r} of ${Array.isArray(row) ? row.length : 'no'} ids where row 0 has ${length}`,
      );
    }
    row.forEach((id: unknown, i) => {
      if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= 2 ** 31) {
        throw badIds(`${JSON.stringify(id)} at row ${r}, position ${i}`);
      }
      ids[r * length + i] = id as number;
    });
  });
  return { ids, length };
}

/**
 * The sites' values (and logits) for ids [rows, length], by site name, in the model's order.
 * @throws InputError for ids outside the vocabulary, too long a row, or an unknown site
 */
export async function runModel(
  given: string,
  { ids, length }: { ids: Uint32Array; length: number },
  options: RunModelOptions,
): Promise<Map<string, TensorValue>> {
  const { path, summary } = await openModel(given);
  checkIds(ids, summary.vocab);
  if (summary.maxPositions !== null && length > summary.maxPositions) {
    throw new InputError(
      `Expected rows of at most ${summary.maxPositions} ids (the model's position table), found ${length}. Cut the rows.`,
      { length, maxPositions: summary.maxPositions },
    );
  }
  const [, ...external] = summary.files;
  const logits = options.logits ? summary.outputs.slice(0, 1) : [];
  const prepared = await prepareModel({ onnx: path, external }, options.hooks, logits);
  const { session, inputs, outputs } = await loadModel(prepared, options.engine);
  try {
    const results = await session.run(makeFeeds(inputs, ids, length), [...new Set(outputs)]);
    const names = [...prepared.sites.map((site) => site.name), ...logits.map(() => 'logits')];
    return new Map(names.map((name, i) => [name, results[outputs[i] ?? ''] as TensorValue]));
  } finally {
    await session.release();
  }
}

/** Writes values as a safetensors file, with `input_ids` beside them. */
export async function writeModelRun(
  file: string,
  { ids, length }: { ids: Uint32Array; length: number },
  values: ReadonlyMap<string, TensorValue>,
): Promise<void> {
  const rows = ids.length / length;
  const tensors = new Map<string, SafeTensor>([
    ['input_ids', safeTensor(Int32Array.from(ids), [rows, length])],
  ]);
  for (const [name, { data, dims, dtype }] of values) {
    if (!(data instanceof Float32Array || data instanceof Uint16Array)) {
      throw new DataError(`Expected "${name}" as float32 or float16, found ${dtype}.`, {
        name,
        dtype,
      });
    }
    tensors.set(name, safeTensor(data, dims));
  }
  await writeFile(file, Buffer.concat(encodeSafetensors(tensors)));
}

function checkIds(ids: Uint32Array, vocab: number): void {
  const at = ids.findIndex((id) => id >= vocab);
  if (at < 0) return;
  throw new InputError(
    `Expected token ids below ${vocab} (the rows of the model's embedding), found ${ids[at] ?? 0} at place ${at}.`,
    { id: ids[at], vocab, at },
  );
}

function badIds(found: string): InputError {
  return new InputError(
    `Expected token ids as a JSON list of equally long lists of non-negative integers, e.g. [[0, 17, 5]], found ${found}.`,
    { found },
  );
}
