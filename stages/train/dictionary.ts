// What planning and reading must know of a run's dictionary besides its weights. Pure.
import { kindSettings } from '../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { type NamedSites, sitesText } from '../../core/dictionaries/sites.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import type { EncodeConfig } from '../encode/config.js';

type Sites = Pick<ResolvedRun, 'sites' | 'dictionaries'> & { readonly model: { readonly width: number } };

/** The sites that a dictionary reads and writes, with their widths. */
export function sitesOfDictionary(run: Sites, { site }: ResolvedDictionary): NamedSites {
  const width = run.sites.find((s) => s.name === site)?.width ?? run.model.width;
  return { names: [site], widths: [width], reads: [0], writes: [0] };
}

/** What the dictionaries that share a read have in common: their sites as text. */
export function trainedSites(run: Sites): string[] {
  const place = (dictionary: ResolvedDictionary): number =>
    run.sites.findIndex(({ name }) => name === sitesOfDictionary(run, dictionary).names[0]);
  const inOrder = [...run.dictionaries].sort((a, b) => place(a) - place(b));
  return [...new Set(inOrder.map((dictionary) => sitesText(sitesOfDictionary(run, dictionary))))];
}

/** The dictionaries of these sites, in the order of the run's file. */
export function dictionariesOf(run: Sites, subject: string): ResolvedDictionary[] {
  return run.dictionaries.filter((dictionary) => sitesText(sitesOfDictionary(run, dictionary)) === subject);
}

/** A dictionary as the encode stage takes it. */
export function encodedDictionary(
  run: Sites,
  dictionary: ResolvedDictionary,
): Pick<EncodeConfig['aux'], 'sites' | 'architecture' | 'features' | 'settings'> {
  const { architecture, features } = dictionary.sae;
  const settings = kindSettings(dictionary.sae);
  return { sites: sitesOfDictionary(run, dictionary), architecture, features, settings };
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
  const { widths, reads, writes } = sitesOfDictionary(run, dictionary);
  const sum = (places: readonly number[]): number => places.reduce((n, place) => n + (widths[place] ?? 0), 0);
  return {
    product: 2 * sum(reads) * sae.features,
    weightBytes: 4 * (sum(reads) + sum(writes)) * sae.features,
    firings: ARCHITECTURES[sae.architecture].expectedFirings(sae, sae.features),
  };
}
