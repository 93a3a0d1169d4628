// Which sites a dictionary reads and which it writes, and how (wirings.ts). An autoencoder reads and writes one; a transcoder reads
// one and writes another; crosscoders and cross-layer transcoders have lists. Rows of every site are fed once, however often it is
// read or written.
import type { Routed } from '../../schemas/dictionaries.js';
import { InputError } from '../../schemas/errors.js';

export interface DictionarySites {
  /** Width of every site whose rows are fed. */
  readonly widths: readonly number[];
  /** Places in `widths` of the sites read, in order. */
  readonly reads: readonly number[];
  /** Places in `widths` of the sites written, in order. */
  readonly writes: readonly number[];
  /** Whether W_skip x is added to what is written. */
  readonly skip?: true | undefined;
  /** Whether features belong to the site that they read, and write it and all after it. */
  readonly crossLayer?: true | undefined;
  /** How features are divided among experts, of which a row sees one (routing/). */
  readonly routed?: Routed | undefined;
}

/** same: an autoencoder; other: a transcoder; lists: a crosscoder; crossLayer: a cross-layer transcoder. */
export type WiringName = 'same' | 'other' | 'lists' | 'crossLayer';

/** Which wiring sites have. */
export function wiringName({ reads, writes, crossLayer: layered }: DictionarySites): WiringName {
  if (layered) return 'crossLayer';
  if (reads.length > 1 || writes.length > 1) return 'lists';
  return reads[0] === writes[0] ? 'same' : 'other';
}

type Flag = 'skip' | 'crossLayer' | 'routed';

/** How sites are wired, and features divided, as settings say it. */
export function wiringFlags({ skip, crossLayer, routed }: Pick<DictionarySites, Flag>): Pick<DictionarySites, Flag> {
  return { ...(skip && { skip }), ...(crossLayer && { crossLayer }), ...(routed && { routed }) };
}

/** The one site of an autoencoder. */
export function oneSite(width: number): DictionarySites {
  return { widths: [width], reads: [0], writes: [0] };
}

/** Widths of the sites read. */
export function readWidths({ widths, reads }: DictionarySites): number[] {
  return reads.map((place) => widths[place] as number);
}

/** Widths of the sites written. */
export function writeWidths({ widths, writes }: DictionarySites): number[] {
  return writes.map((place) => widths[place] as number);
}

/** Numbers that a row of all written sites has: the length of what is reconstructed. */
export function targetWidth(sites: DictionarySites): number {
  return writeWidths(sites).reduce((sum, width) => sum + width, 0);
}

/** Features of all layers of a cross-layer dictionary; else those of the setting. @param features as the run file says */
export function totalFeatures(features: number, { reads, crossLayer }: DictionarySites): number {
  return crossLayer ? features * reads.length : features;
}

/** @throws InputError where sites cannot be read and written this way */
export function checkSites(sites: DictionarySites): void {
  const { reads, writes, skip, crossLayer } = sites;
  const found = `${reads.length} read and ${writes.length} written`;
  const one = reads.length === 1 && writes.length === 1 && reads[0] !== writes[0];
  const problem =
    skip && !one
      ? ['one site to read and another to write for a dictionary with `skip`', 'remove `skip`']
      : crossLayer && (reads.length !== writes.length || reads.length < 2)
        ? [
            'as many sites to write as to read, two or more, for a dictionary with `crossLayer`',
            'name both sites of each layer',
          ]
        : new Set(reads).size < reads.length || new Set(writes).size < writes.length
          ? ['each site once among those read, and once among those written', 'remove the second']
          : null;
  if (problem === null) return;
  throw new InputError(`Expected ${problem[0] ?? ''}, found ${found}; ${problem[1] ?? ''}.`, {
    reads: reads.length,
    writes: writes.length,
  });
}

/** Sites by name, each once: those read in order, then those that are only written. */
export function placeSites<Site extends { readonly site: string }>(
  reads: readonly Site[],
  writes: readonly Site[],
): { readonly sites: readonly Site[]; readonly reads: readonly number[]; readonly writes: readonly number[] } {
  const byName = new Map([...reads, ...writes].map((site) => [site.site, site]));
  const names = [...byName.keys()];
  const places = (of: readonly Site[]): number[] => of.map(({ site }) => names.indexOf(site));
  return { sites: [...byName.values()], reads: places(reads), writes: places(writes) };
}

/** Sites with their names. */
export interface NamedSites extends DictionarySites {
  readonly names: readonly string[];
}

/** The sites as text, for errors and metadata: the one of an autoencoder, else `read, … → written, …`. */
export function sitesText({ names, reads, writes }: Omit<NamedSites, 'widths'>): string {
  if (names.length === 1) return names[0] as string;
  const text = (places: readonly number[]): string => places.map((place) => names[place] ?? '').join(', ');
  return `${text(reads)} → ${text(writes)}`;
}
