// What a dataset or dictionary that a user names may mean: exact, by its short name, or a suggestion. Pure.
import { InputError } from '../../schemas/errors.js';
import { RESERVED_NAMES } from '../../schemas/sae-section.js';
import { nearestNames } from '../../core/text/nearest-names.js';

export interface DictionaryName {
  readonly run: string;
  readonly dictionary: string;
}

/** The dataset name `RUN/DICT/table`. */
export function dictionaryDataset(name: DictionaryName, table: string): string {
  return `${name.run}/${name.dictionary}/${table}`;
}

/** Whether `DICT` or `RUN/DICT` means that dictionary. */
export function isMeant(given: string, { run, dictionary }: DictionaryName): boolean {
  return given === dictionary || given === `${run}/${dictionary}`;
}

/**
 * The dictionary that `DICT` or `RUN/DICT` means among the datasets of a store.
 * @throws InputError where there is none (with the nearest names) or several (with all of them)
 */
export function findDictionary(given: string, datasets: readonly string[]): DictionaryName {
  const all = dictionariesOf(datasets);
  const texts = all.map((name) => `${name.run}/${name.dictionary}`);
  const candidates = all.filter((name) => isMeant(given, name));
  const [only, another] = candidates;
  if (only !== undefined && another === undefined) return only;
  if (only === undefined) {
    const known = [...texts, ...new Set(all.map((name) => name.dictionary))];
    throw unknown({ what: 'dictionary', given, known, all: texts });
  }
  const found = candidates.map((name) => `${name.run}/${name.dictionary}`);
  throw new InputError(
    `Expected the name of one dictionary, found that "${given}" means ${found.join(', ')}; give one of these.`,
    { given, candidates: found },
  );
}

/**
 * The dataset that a name means: itself.
 * @throws InputError where there is none, with the nearest names
 */
export function findDataset(given: string, datasets: readonly string[]): string {
  if (datasets.includes(given)) return given;
  const under = datasets.filter((name) => name.startsWith(`${given}/`) || name.endsWith(`/${given}`));
  if (under.length > 0) {
    throw new InputError(
      `Expected a dataset, found that "${given}" is part of the names ${listText(under)}; give one of these.`,
      { given, candidates: under },
    );
  }
  throw unknown({ what: 'dataset', given, known: datasets, all: datasets });
}

/** Dictionaries that have any dataset, in the order of the names. */
export function dictionariesOf(datasets: readonly string[]): DictionaryName[] {
  const names = new Map<string, DictionaryName>();
  for (const dataset of datasets) {
    const [run, dictionary, table, ...rest] = dataset.split('/');
    if (run === undefined || dictionary === undefined || table === undefined || rest.length > 0) continue;
    if ((RESERVED_NAMES as readonly string[]).includes(dictionary)) continue;
    names.set(`${run}/${dictionary}`, { run, dictionary });
  }
  return [...names.values()];
}

function unknown(of: {
  readonly what: string;
  readonly given: string;
  readonly known: readonly string[];
  readonly all: readonly string[];
}): InputError {
  const near = nearestNames(of.given, of.known);
  const remedy =
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : of.all.length > 0
        ? `there are ${listText(of.all)}.`
        : 'this store holds none yet; is it the store that you mean (--store)?';
  return new InputError(`Expected the name of a ${of.what}, found "${of.given}", which is none; ${remedy}`, {
    given: of.given,
    candidates: near,
  });
}

const MOST_LISTED = 12;

function listText(names: readonly string[]): string {
  const more = names.length - MOST_LISTED;
  return more > 0 ? `${names.slice(0, MOST_LISTED).join(', ')} and ${more} more` : names.join(', ');
}
