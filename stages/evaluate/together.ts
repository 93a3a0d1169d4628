// Dictionaries that are put into the model's place at once with the one that is measured. Pure.
import type { NamedSites } from '../../core/dictionaries/sites.js';
import { InputError } from '../../schemas/errors.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import { sitesOfDictionary } from '../train/dictionary.js';

/** @throws InputError where the run has none of this name */
export function dictionaryNamed(run: ResolvedRun, name: string): ResolvedDictionary {
  const found = run.dictionaries.find((one) => one.name === name);
  if (found) return found;
  throw new InputError(
    `Expected dictionaries of ${run.name} to measure together, found "${name}", which is none; it has ${run.dictionaries.map((one) => one.name).join(', ')}.`,
    { dictionary: name },
  );
}

/** @throws InputError where two of them write one site: the later one would replace the earlier */
export function refuseTwice(dictionaries: readonly ResolvedDictionary[]): void {
  const writers = new Map<string, string>();
  for (const { name, writes } of dictionaries)
    for (const site of writes) {
      const before = writers.get(site);
      if (before !== undefined)
        throw new InputError(
          `Expected dictionaries that write different sites to be measured together, found ${site} written by ${before} and by ${name}. Leave one of them out.`,
          { site, dictionaries: [before, name] },
        );
      writers.set(site, name);
    }
}

/** Sites of the basis: the dictionary's own, then those of the others. */
export function basisSites({
  run,
  sites,
  others,
}: {
  readonly run: ResolvedRun;
  readonly sites: NamedSites;
  readonly others: readonly ResolvedDictionary[];
}): NamedSites {
  const all = new Map(sites.names.map((name, i) => [name, sites.widths[i] ?? 0]));
  for (const other of others) {
    const { names, widths } = sitesOfDictionary(run, other);
    names.forEach((name, i) => all.set(name, widths[i] ?? 0));
  }
  return { ...sites, names: [...all.keys()], widths: [...all.values()] };
}

/** @throws InputError where the run whose documents are measured never stores a site that one of the dictionaries reads or writes */
export function refuseMissingSites(
  run: ResolvedRun,
  corpus: ResolvedRun,
  dictionaries: readonly ResolvedDictionary[],
): void {
  const stored = new Set(corpus.sites.map(({ name }) => name));
  for (const dictionary of dictionaries)
    for (const site of sitesOfDictionary(run, dictionary).names) {
      if (stored.has(site)) continue;
      throw new InputError(
        `Expected the activations of ${site}, which ${dictionary.name} reads or writes, among those of ${corpus.name}, whose documents are to be measured; found ${[...stored].join(', ')}. Add the site to activations.hooks of ${corpus.name} and run it again, or take another --corpus.`,
        { site, dictionary: dictionary.name, corpus: corpus.name },
      );
    }
}
