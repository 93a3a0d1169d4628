// Which sites a dictionary reads and which it writes. An autoencoder reads and writes one; a transcoder reads one and writes
// another. Rows of every site are fed once, however often it is read or written.
import { InputError } from '../../schemas/errors.js';

export interface DictionarySites {
  /** Width of every site whose rows are fed. */
  readonly widths: readonly number[];
  /** Places in `widths` of the sites read, in order. */
  readonly reads: readonly number[];
  /** Places in `widths` of the sites written, in order. */
  readonly writes: readonly number[];
}

/** What a kind can do: `same` reads and writes one site, `other` reads one and writes another. */
export type SiteRule = 'same' | 'other';

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

/** @throws InputError where a kind cannot read and write these sites */
export function checkSites(rule: SiteRule, { reads, writes }: DictionarySites, name: string): void {
  const one = reads.length === 1 && writes.length === 1;
  if (one && (reads[0] === writes[0]) === (rule === 'same')) return;
  const expected = rule === 'same' ? 'one site that it reads and writes' : 'one site to read and another to write';
  throw new InputError(
    `Expected ${expected} for a dictionary of kind ${name}, found ${reads.length} read and ${writes.length} written${one ? `, ${reads[0] === writes[0] ? 'the same' : 'two different ones'}` : ''}. Choose another architecture, or other sites.`,
    { architecture: name, reads: reads.length, writes: writes.length },
  );
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
