// Slices: ranges of features that are worked on apart, each with its rows of every tensor. Rows of one feature over all sites that
// it reads (or writes) lie side by side, each site from a multiple of 4 columns on, so that a slice has one encoder and one decoder
// matrix whatever the wiring. Sums across slices run in their order, so their number enters the key; who computes them does not.
//
//   reads   [B, R]: the sites read side by side      writes  [B, W]: those written
//   a slice reads columns readColumn … + readStride and writes columns writeColumn … + writeStride
import { InputError } from '../../schemas/errors.js';
import { readWidths, writeWidths } from './sites.js';
import type { DictionaryShape } from './state.js';
import { wiringOf } from './wirings.js';

/** Columns of one tensor inside a slice's matrix. */
export interface Span {
  readonly tensor: string;
  /** The tensor's row of the slice's first feature. */
  readonly row: number;
  /** First column inside the slice's matrix. */
  readonly column: number;
  readonly width: number;
}

export interface Slice {
  readonly index: number;
  /** Of all features. */
  readonly first: number;
  readonly features: number;
  readonly encoder: readonly Span[];
  readonly decoder: readonly Span[];
  readonly readColumn: number;
  readonly readStride: number;
  readonly writeColumn: number;
  readonly writeStride: number;
}

/** Sites side by side: where each begins, and the whole. */
export interface Panel {
  readonly columns: readonly number[];
  readonly widths: readonly number[];
  readonly stride: number;
}

export interface SlicePlan {
  readonly slices: readonly Slice[];
  readonly reads: Panel;
  readonly writes: Panel;
}

/** Floats between rows of a matrix of this width: whole vectors of 4. */
export function strideOf(width: number): number {
  return Math.ceil(width / 4) * 4;
}

/** @param count slices; of a cross-layer dictionary: of each layer @throws InputError where features do not divide */
export function planSlices(shape: DictionaryShape, count: number): SlicePlan {
  const { encoders, decoders } = wiringOf(shape);
  const reads = panelOf(readWidths(shape.sites));
  const writes = panelOf(writeWidths(shape.sites));
  const slices = ranges(shape, count).map(({ first, features }, index): Slice => {
    const covers = (block: Block): boolean => block.first <= first && first + features <= block.first + block.features;
    const encoder = spans(encoders.filter(covers), first, reads);
    const decoder = spans(decoders.filter(covers), first, writes);
    return {
      ...{ index, first, features, encoder: encoder.spans, decoder: decoder.spans },
      ...{ readColumn: encoder.column, readStride: encoder.stride },
      ...{ writeColumn: decoder.column, writeStride: decoder.stride },
    };
  });
  return { slices, reads, writes };
}

function panelOf(widths: readonly number[]): Panel {
  const columns: number[] = [];
  let stride = 0;
  for (const width of widths) {
    columns.push(stride);
    stride += strideOf(width);
  }
  return { columns, widths, stride };
}

interface Block {
  readonly name: string;
  readonly site: number;
  readonly width: number;
  readonly first: number;
  readonly features: number;
}

/** Blocks of consecutive sites as columns of one matrix. */
function spans(
  blocks: readonly Block[],
  first: number,
  panel: Panel,
): { readonly spans: Span[]; readonly column: number; readonly stride: number } {
  const start = panel.columns[blocks[0]?.site ?? 0] ?? 0;
  const last = blocks.at(-1)?.site ?? 0;
  const end = (panel.columns[last] ?? 0) + strideOf(panel.widths[last] ?? 0);
  const own = blocks.map(({ name, site, width, first: from }) => ({
    ...{ tensor: name, row: first - from, width },
    column: (panel.columns[site] ?? 0) - start,
  }));
  return { spans: own, column: start, stride: end - start };
}

/** Ranges that no block's edge divides, each in `count` parts. */
function ranges(shape: DictionaryShape, count: number): { readonly first: number; readonly features: number }[] {
  const { encoders, decoders } = wiringOf(shape);
  const ends = [...encoders, ...decoders].flatMap(({ first, features }) => [first, first + features]);
  const edges = [...new Set(ends)].sort((a, b) => a - b);
  return edges.slice(1).flatMap((end, i) => {
    const from = edges[i] ?? 0;
    const features = (end - from) / count;
    if (!Number.isInteger(features)) {
      const text = `Expected features that divide by the slices, got ${end - from} features in ${count} slices. Choose other saes.features or saes.slices.`;
      throw new InputError(text, { features: end - from, slices: count });
    }
    return Array.from({ length: count }, (_, n) => ({ first: from + n * features, features }));
  });
}
