// What `model run` feeds a model: rows of token ids from a file, from standard input or from a text, with a mask and positions where
// they are given.
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Tokenizer } from '../../core/corpus/tokenizer/tokenizer.js';
import type { IdRows } from '../../models/run-model.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';
import type { Io } from '../io.js';

/** What the user says of the rows; paths as given. */
export interface RowOptions {
  /** The model's file or folder. */
  readonly file: string;
  readonly ids?: string;
  readonly text?: string;
  readonly tokenizer?: string;
  readonly mask?: string;
  readonly positions?: string;
}

/** In place of a path or a text: standard input. */
const STDIN = '-';

/** The rows of a run. @throws InputError that says what is missing, too much or of another shape */
export async function readRows(options: RowOptions, io: Io): Promise<IdRows> {
  const { text, ids, mask, positions } = options;
  if ((ids === undefined) === (text === undefined))
    throw new InputError(
      `Expected one of --ids <file> and --text <text>, got ${ids === undefined ? 'neither' : 'both'}; give --ids for token ids, --text for a text.`,
    );
  if ([ids, text, mask, positions].filter((one) => one === STDIN).length > 1)
    throw new InputError('Expected standard input (-) for one option, got it for several; give files for the others.');
  if (text === undefined && options.tokenizer !== undefined)
    throw new InputError('Expected --tokenizer beside --text, got it beside --ids; leave it out.');
  const { parseIds } = await import('../../models/run-model.js');
  const rows = text === undefined ? parseIds(await textOf(ids ?? '', io)) : await encode(options, io);
  const start = positions !== undefined && /^\d+$/.test(positions) ? { positionStart: Number(positions) } : null;
  return {
    ...rows,
    ...(mask !== undefined && { mask: await numbersLike(rows, { option: '--mask', path: mask, most: 1 }, io) }),
    ...(start ??
      (positions !== undefined && {
        positions: await numbersLike(rows, { option: '--positions', path: positions, most: Infinity }, io),
      })),
  };
}

async function textOf(path: string, io: Io): Promise<string> {
  const { readIdsFile } = await import('../../models/run-model.js');
  return path === STDIN ? io.stdin() : readIdsFile(resolve(io.cwd, path));
}

interface Wanted {
  readonly option: string;
  readonly path: string;
  /** The greatest number that may stand there. */
  readonly most: number;
}

/** Numbers in the shape of the ids. */
async function numbersLike({ ids, length }: IdRows, { option, path, most }: Wanted, io: Io): Promise<Uint32Array> {
  const { parseIds } = await import('../../models/run-model.js');
  const found = parseIds(await textOf(path, io));
  const shape = (rows: IdRows): string => `${rows.ids.length / rows.length} rows of ${rows.length}`;
  const [expected, got] = [shape({ ids, length }), shape(found)];
  if (expected !== got)
    throw new InputError(`Expected ${option} as ${expected}, like the token ids, found ${got} in ${path}.`, {
      option,
      path,
    });
  const wrong = found.ids.find((n) => n > most);
  if (wrong !== undefined)
    throw new InputError(
      `Expected ${option} of 0 and 1 alone, found ${wrong} in ${path}; 1 is a token, 0 is padding.`,
      {
        option,
        path,
      },
    );
  return found.ids;
}

/** The tokens of a text as one row. */
async function encode({ text: given = '', ...options }: RowOptions, io: Io): Promise<IdRows> {
  const text = given === STDIN ? (await io.stdin()).replace(/\r?\n$/, '') : given;
  const { tokenizer } = await openTokenizer(options, io);
  const { ids } = io.blocking(() => tokenizer.encode(text));
  if (ids.length > 0) return { ids, length: ids.length };
  throw new InputError('Expected a text with at least one token in --text, found none; give some words.');
}

/** The tokenizer that is meant, and its file's bytes. */
export async function openTokenizer(
  options: Pick<RowOptions, 'file' | 'tokenizer'>,
  io: Io,
): Promise<{ readonly tokenizer: Tokenizer; readonly json: Uint8Array; readonly file: string }> {
  const { Tokenizer: Opened } = await import('../../core/corpus/tokenizer/tokenizer.js');
  const file = await tokenizerOf(options, io);
  const json = await readTokenizer(file);
  return { tokenizer: new Opened(json), json, file };
}

async function readTokenizer(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    passMachineFault(error);
    throw new InputError(
      `Cannot read the tokenizer "${file}": ${(error as Error).message}. Give the path of a tokenizer.json in --tokenizer.`,
      { path: file },
      { cause: error },
    );
  }
}

/** The tokenizer that is named, else the one in the model's folder. */
async function tokenizerOf({ file, tokenizer }: Pick<RowOptions, 'file' | 'tokenizer'>, io: Io): Promise<string> {
  if (tokenizer !== undefined) return resolve(io.cwd, tokenizer);
  const place = resolve(io.cwd, file);
  const isFolder = (await stat(place).catch(() => null))?.isDirectory() === true;
  const own = isFolder ? join(place, 'tokenizer.json') : resolve(place, '..', 'tokenizer.json');
  if ((await stat(own).catch(() => null))?.isFile() === true) return own;
  throw new InputError(
    `Expected a tokenizer for --text, found none at ${own}. Name one with --tokenizer, or give token ids with --ids.`,
    { tokenizer: own },
  );
}
