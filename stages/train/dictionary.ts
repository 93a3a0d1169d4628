// What planning and reading must know of a run's dictionary besides its weights. Pure.
import { kindSettings } from '../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { type NamedSites, placeSites, sitesText, wiringFlags } from '../../core/dictionaries/sites.js';
import type { Block } from '../../core/dictionaries/wirings/wiring.js';
import { wiringOf } from '../../core/dictionaries/wirings.js';
import type { ResolvedDictionary, ResolvedRun, TakenResolved, TrainedDictionary } from '../../schemas/resolved-run.js';
import type { EncodeConfig } from '../encode/config.js';

type Sites = Pick<ResolvedRun, 'sites' | 'dictionaries'> & { readonly model: { readonly width: number } };

/** The sites that a dictionary reads and writes, with their widths. */
export function sitesOfDictionary(run: Sites, { reads, writes, sae }: ResolvedDictionary): NamedSites {
  const named = (names: readonly string[]): { readonly site: string }[] => names.map((site) => ({ site }));
  const placed = placeSites(named(reads), named(writes));
  const names = placed.sites.map(({ site }) => site);
  return {
    names,
    widths: names.map((name) => run.sites.find((site) => site.name === name)?.width ?? run.model.width),
    ...{ reads: placed.reads, writes: placed.writes },
    ...wiringFlags(sae),
  };
}

/** Features of a dictionary, of all its layers together. */
export function featuresOf({ reads, sae }: Pick<ResolvedDictionary, 'reads' | 'sae'>): number {
  return sae.crossLayer ? sae.features * reads.length : sae.features;
}

function isFrozen({ sae }: TrainedDictionary): boolean {
  return sae.routed?.kind === 'frozen';
}

/** Dictionaries that the run trains as a whole. */
function trainedOf(run: Sites): TrainedDictionary[] {
  return allTrained(run).filter((dictionary) => !isFrozen(dictionary));
}

/** Dictionaries whose frozen experts are trained apart. */
export function frozenOf(run: Pick<ResolvedRun, 'dictionaries'>): TrainedDictionary[] {
  return allTrained(run).filter(isFrozen);
}

function allTrained(run: Pick<ResolvedRun, 'dictionaries'>): TrainedDictionary[] {
  return run.dictionaries.filter((dictionary) => !('taken' in dictionary)) as TrainedDictionary[];
}

/** Dictionaries that were trained elsewhere. */
export function takenOf(run: Pick<ResolvedRun, 'dictionaries'>): TakenResolved[] {
  return run.dictionaries.filter((dictionary) => 'taken' in dictionary);
}

/** What the dictionaries that share a read have in common: their sites as text. */
export function trainedSites(run: Sites): string[] {
  const place = (dictionary: ResolvedDictionary): number =>
    run.sites.findIndex(({ name }) => name === sitesOfDictionary(run, dictionary).names[0]);
  const inOrder = trainedOf(run).sort((a, b) => place(a) - place(b));
  return [...new Set(inOrder.map((dictionary) => sitesText(sitesOfDictionary(run, dictionary))))];
}

/** The dictionaries to train on these sites, in the order of the run's file. */
export function dictionariesOf(run: Sites, subject: string): TrainedDictionary[] {
  return trainedOf(run).filter((dictionary) => sitesText(sitesOfDictionary(run, dictionary)) === subject);
}

/** A dictionary as the encode stage takes it. */
export function encodedDictionary(
  run: Sites,
  dictionary: ResolvedDictionary,
): Pick<EncodeConfig['aux'], 'sites' | 'architecture' | 'features' | 'settings'> {
  const { architecture } = dictionary.sae;
  const settings = kindSettings(dictionary.sae);
  return { sites: sitesOfDictionary(run, dictionary), architecture, features: featuresOf(dictionary), settings };
}

/** Numbers that estimates are made of. */
export interface DictionaryWork {
  /** Multiply-adds of its encoders, twice: operations per row. */
  readonly product: number;
  /** Encoders and decoders, float32. */
  readonly weightBytes: number;
  /** Features that are likely to fire on a row. */
  readonly firings: number;
}

export function workOfDictionary(run: Sites, dictionary: ResolvedDictionary): DictionaryWork {
  const { sae } = dictionary;
  const sizes = { sites: sitesOfDictionary(run, dictionary), features: featuresOf(dictionary) };
  const { encoders, decoders } = wiringOf(sizes);
  const numbers = (blocks: readonly Block[]): number =>
    blocks.reduce((n, { width, features }) => n + width * features, 0);
  return {
    // A row sees one expert.
    product: (2 * numbers(encoders)) / (sizes.sites.routed?.experts ?? 1),
    weightBytes: 4 * (numbers(encoders) + numbers(decoders)),
    firings: ARCHITECTURES[sae.architecture].expectedFirings(sae, sizes.features),
  };
}
