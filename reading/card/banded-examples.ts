// Examples from all bands of a feature's values: those of the table `bands`, else drawn now from its postings by the same rule (then
// without rows on which it does not fire, which would need a look at every row).
import { contextInDocument } from '../../core/corpus/packing.js';
import { halfToFloat } from '../../core/tensor/half.js';
import type { ObjectRecord } from '../../schemas/records.js';
import { BANDS, BandSampler } from '../../stages/profile/band-sampler.js';
import type { TableColumns } from '../../storage/tables/layouts.js';
import type { Dictionary } from '../dictionary/dictionary.js';
import type { Example } from '../dictionary/feature-rows.js';
import { readProfileRow } from '../dictionary/profile-rows.js';

export interface Band {
  /** 0 … 9 */
  readonly band: number;
  readonly n: number;
  readonly examples: readonly Example[];
}

export interface BandedExamples {
  /** Greatest values first; bands without firings are there too. */
  readonly bands: readonly Band[];
  /** Rows on which it does not fire. */
  readonly quiet: readonly Example[];
  readonly drawnFrom: 'bands' | 'postings';
}

export interface BandsRequest {
  readonly dictionary: Dictionary;
  readonly feature: number;
  readonly max: number;
  /** Of the table `bands`. */
  readonly objects: readonly ObjectRecord[];
}

export async function readBandedExamples(request: BandsRequest): Promise<BandedExamples> {
  const { dictionary, feature, objects } = request;
  const stored = await readProfileRow({ store: dictionary.store, table: 'bands', objects }, feature, storedBands);
  return stored ?? { bands: await drawBands(request), quiet: [], drawnFrom: 'postings' };
}

function storedBands({ histogram, examples, quiet }: TableColumns['bands'], row: number): BandedExamples {
  const from = histogram.offsets[row] as number;
  const own = rangeOf(examples.offsets, row).map((i) => ({
    band: examples.band[i] as number,
    example: {
      doc: examples.doc[i] as number,
      pos: examples.pos[i] as number,
      value: halfToFloat(examples.value[i] as number),
    },
  }));
  const bands = descending((band) => ({
    ...{ band, n: from + band < (histogram.offsets[row + 1] as number) ? (histogram.n[from + band] as number) : 0 },
    examples: own.filter((one) => one.band === band).map(({ example }) => example),
  }));
  const still = rangeOf(quiet.offsets, row).map((i) => ({
    ...{ doc: quiet.doc[i] as number, pos: quiet.pos[i] as number, value: 0 },
  }));
  return { bands, quiet: still, drawnFrom: 'bands' };
}

function rangeOf(offsets: Uint32Array, row: number): number[] {
  const from = offsets[row] as number;
  return Array.from({ length: (offsets[row + 1] as number) - from }, (_, i) => from + i);
}

function descending(make: (band: number) => Band): Band[] {
  return Array.from({ length: BANDS }, (_, i) => make(BANDS - 1 - i));
}

/** A number for a context: of joined documents, whose contexts are not known here, the document. */
const CONTEXTS = 2 ** 20;

async function drawBands({ dictionary, feature, max }: BandsRequest): Promise<Band[]> {
  const sampler = new BandSampler(feature, max);
  const { packing } = dictionary.objects;
  const contextOf = (doc: number, pos: number): number =>
    packing.packing === 'document' ? doc * CONTEXTS + contextInDocument(pos, packing) : doc;
  for await (const { doc, pos, value } of dictionary.firings(feature))
    doc.forEach((own, i) => {
      const [at, half] = [pos[i] as number, value[i] as number];
      sampler.add({ doc: own, pos: at, context: contextOf(own, at), half, value: halfToFloat(half) });
    });
  const { histogram, examples } = sampler;
  return descending((band) => ({
    ...{ band, n: histogram[band] ?? 0 },
    examples: examples
      .filter((one) => one.band === band)
      .map(({ doc, pos, value }) => ({ doc, pos, value: halfToFloat(value) })),
  }));
}
