// Picks one feature's rows out of decoded batches, and the strongest of them. Pure.
import { halfToFloat } from '../../core/tensor/half.js';
import type { TableColumns } from '../../storage/tables/layouts.js';

export interface Example {
  readonly doc: number;
  readonly pos: number;
  readonly value: number;
}

export interface SummaryRow {
  readonly feature: number;
  readonly n: number;
  readonly density: number;
  /** null where the feature is silent, or the index does not cover it yet. */
  readonly max: number | null;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly topTokens: readonly { readonly token: number; readonly n: number }[];
  readonly silent: boolean;
}

/** Rows of one feature, of one shard's run or of the compacted postings. */
export interface FeatureRows {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly value: Uint16Array;
  readonly shard: string;
}

/** The rows of one feature in a batch sorted by feature, as views. */
export function rowsOfFeature(
  { feature: features, doc, pos, value }: TableColumns['postings'],
  feature: number,
): Omit<FeatureRows, 'shard'> {
  const from = features.indexOf(feature);
  if (from < 0) return { doc: doc.subarray(0, 0), pos: pos.subarray(0, 0), value: value.subarray(0, 0) };
  const to = features.lastIndexOf(feature) + 1;
  return {
    doc: doc.subarray(from, to),
    pos: pos.subarray(from, to),
    value: value.subarray(from, to),
  };
}

/** Pieces one after the other. */
export function joinRows(pieces: readonly Omit<FeatureRows, 'shard'>[]): Omit<FeatureRows, 'shard'> {
  const rows = pieces.reduce((sum, piece) => sum + piece.doc.length, 0);
  const joined = {
    doc: new Uint32Array(rows),
    pos: new Uint32Array(rows),
    value: new Uint16Array(rows),
  };
  let at = 0;
  for (const piece of pieces) {
    joined.doc.set(piece.doc, at);
    joined.pos.set(piece.pos, at);
    joined.value.set(piece.value, at);
    at += piece.doc.length;
  }
  return joined;
}

/** The strongest row of each context, the first of equals. */
export function bestPerContext(
  rows: Omit<FeatureRows, 'shard'>,
  contextOf: (doc: number, pos: number) => string,
): Example[] {
  const best = new Map<string, Example>();
  rows.doc.forEach((doc, i) => {
    const pos = rows.pos[i] as number;
    const value = halfToFloat(rows.value[i] as number);
    const context = contextOf(doc, pos);
    const known = best.get(context);
    if (!known || value > known.value) best.set(context, { doc, pos, value });
  });
  return [...best.values()];
}

/** The used slots of a row of `top`, at most k. */
export function slotsOf({ examples, feature }: TableColumns['top'], row: number, k: number): Example[] {
  const slots = examples.doc.length / feature.length;
  const used = Math.min(k, examples.count[row] as number);
  return Array.from({ length: used }, (_, slot) => {
    const at = row * slots + slot;
    return {
      doc: examples.doc[at] as number,
      pos: examples.pos[at] as number,
      value: halfToFloat(examples.value[at] as number),
    };
  });
}

/** A row of `features`. */
export function summaryRow(columns: TableColumns['features'], row: number): SummaryRow {
  const { topTokens } = columns;
  const number = (values: Float32Array): number | null => (Number.isNaN(values[row]) ? null : (values[row] as number));
  const [from, to] = [topTokens.offsets[row] as number, topTokens.offsets[row + 1] as number];
  return {
    feature: columns.feature[row] as number,
    n: columns.n[row] as number,
    density: columns.density[row] as number,
    max: number(columns.max),
    mean: number(columns.mean),
    p50: number(columns.p50),
    p90: number(columns.p90),
    p99: number(columns.p99),
    topTokens: Array.from({ length: to - from }, (_, i) => ({
      token: topTokens.token[from + i] as number,
      n: topTokens.n[from + i] as number,
    })),
    silent: columns.silent[row] === 1,
  };
}
