// Reconstructions measured row by row: one graph for a dictionary and all that it is compared with, over the same rows.
//
//   e = x_hat − x of each subject, x what it is to reconstruct (several sites: end to end)
//   err_sq ‖e‖²   cross x·x_hat   hat_sq ‖x_hat‖²   cosine x·x_hat / (‖x‖ ‖x_hat‖), 0 where one is 0   firings |{i: f_i > 0}|
//
// A firing is what `acts` store as one: a value that half precision does not round to zero. Sums over rows are the caller's, in
// float64. What a subject is: a dictionary here, controls in controls.ts.
import { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import type { NamedValues } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { Selection } from './rows.js';
import type { DictionarySites } from './sites.js';
import { type PlacedDictionary, applyInference } from './splice-graph.js';
import { parametersOf } from './state.js';
import { rowsFeed } from './step-graph.js';

export interface SubjectInputs {
  readonly parameters: NamedValues;
  /** Rows of each site read and of each site written [B, d], float32. */
  readonly reads: readonly Value[];
  readonly writes: readonly Value[];
}

export interface SubjectValues {
  /** x_hat − x of each site written [B, d]. */
  readonly errors: readonly Value[];
  /** Features that fire per row [B], float32. */
  readonly firings: Value;
  /** Which fire; null for a subject whose features nobody counts. */
  readonly f: Selection | null;
}

/** Something that reconstructs rows. */
export interface Subject {
  readonly name: string;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly build: (g: GraphBuilder, inputs: SubjectInputs) => SubjectValues;
}

/** Numbers of a subject per row, in the order of `NUMBERS`. */
export const NUMBERS = ['errSq', 'cross', 'hatSq', 'cosine', 'firings'] as const;

/** Half of the least positive half-precision number: what is not above it is stored as 0. */
export const LEAST_FIRING = 2 ** -25;

/** Name of a subject's feed, and of its outputs. */
export function subjectFeed(subject: string, tensor: string): string {
  return `${subject}/${tensor}`;
}
export const OUTPUTS = { numbers: 'numbers', feature: 'feature', value: 'value', fired: 'fired' } as const;
/** Feed: 1 for a row, 0 for padding [B, 1]; only where a dense selection is counted. */
export const VALID_FEED = 'valid';

/** A stored dictionary as a subject. */
export function dictionarySubject(dictionary: PlacedDictionary): Subject {
  return {
    name: dictionary.name,
    tensors: parametersOf(dictionary).map(({ name, shape }) => ({ name, shape })),
    build: (g, inputs) => {
      const { f, errors } = applyInference(g, dictionary, inputs);
      return { errors, f, firings: countFirings(g, f) };
    },
  };
}

/** Features that fire per row [B]. */
export function countFirings(g: GraphBuilder, { value }: Selection): Value {
  const fires = g.op('Cast', [g.op('Greater', [value, g.scalar(LEAST_FIRING)])], {
    attributes: { to: DATA_TYPE.float32 },
  });
  return g.op('ReduceSum', [fires, g.integers(1)], { attributes: { keepdims: 0 } });
}

export interface MeasuredRows {
  readonly sites: DictionarySites;
  readonly batchRows: number;
  readonly subjects: readonly Subject[];
  /** The subject whose features are counted. */
  readonly counted: string;
}

/**
 * The model. Feeds: rows by site, tensors of each subject. Outputs per subject `NAME/numbers` [B, 5]; of the counted one also
 * `feature` (int32) and `value` [B, C], or of a dense selection `fired` [F], over the rows that `valid` names.
 */
export function buildMeasureGraph({ sites, batchRows, subjects, counted }: MeasuredRows): GraphBuilder {
  const g = new GraphBuilder('measure');
  const fed = sites.widths.map((width, place) => g.input(rowsFeed(place), 'float32', [batchRows, width]));
  const at = (places: readonly number[]): Value[] => places.map((place) => fed[place] as Value);
  const [reads, writes] = [at(sites.reads), at(sites.writes)];
  const xSq = sumOver(g, writes, (x) => squares(g, x));
  for (const { name, tensors, build } of subjects) {
    const parameters = Object.fromEntries(
      tensors.map((t) => [t.name, g.input(subjectFeed(name, t.name), 'float32', t.shape)]),
    );
    const values = build(g, { parameters, reads, writes });
    g.output(numbersOf(g, values, { writes, xSq }), subjectFeed(name, OUTPUTS.numbers));
    if (name === counted && values.f) outputCounts(g, values.f, batchRows);
  }
  return g;
}

function numbersOf(
  g: GraphBuilder,
  { errors, firings }: SubjectValues,
  { writes, xSq }: { readonly writes: readonly Value[]; readonly xSq: Value },
): Value {
  const hats = errors.map((e, i) => g.op('Add', [writes[i] as Value, e]));
  const errSq = sumOver(g, errors, (e) => squares(g, e));
  const cross = sumOver(g, hats, (hat, i) =>
    g.op('ReduceSum', [g.op('Mul', [writes[i] as Value, hat]), g.integers(1)], { attributes: { keepdims: 1 } }),
  );
  const hatSq = sumOver(g, hats, (hat) => squares(g, hat));
  // The product of norms, not the root of a product of squares, which leaves float32 at norms of 1e10.
  const norms = g.op('Mul', [g.op('Sqrt', [xSq]), g.op('Sqrt', [hatSq])]);
  const cosine = g.op('Where', [
    g.op('Greater', [norms, g.scalar(0)]),
    g.op('Div', [cross, g.op('Max', [norms, g.scalar(1e-37)])]),
    g.scalar(0),
  ]);
  const columns = [errSq, cross, hatSq, cosine, g.op('Unsqueeze', [firings, g.integers(1)])];
  return g.op('Concat', columns, { attributes: { axis: 1 } });
}

function outputCounts(g: GraphBuilder, f: Selection, batchRows: number): void {
  if (f.layout === 'pairs') {
    g.output(g.op('Cast', [f.feature], { attributes: { to: DATA_TYPE.int32 }, name: OUTPUTS.feature }));
    g.output(g.op('Identity', [f.value], { name: OUTPUTS.value }));
    return;
  }
  const valid = g.input(VALID_FEED, 'float32', [batchRows, 1]);
  const fires = g.op('Cast', [g.op('Greater', [f.value, g.scalar(LEAST_FIRING)])], {
    attributes: { to: DATA_TYPE.float32 },
  });
  const counted = g.op('Mul', [fires, valid]);
  g.output(g.op('ReduceSum', [counted, g.integers(0)], { attributes: { keepdims: 0 } }), OUTPUTS.fired);
}

function squares(g: GraphBuilder, x: Value): Value {
  return g.op('ReduceSumSquare', [x, g.integers(1)], { attributes: { keepdims: 1 } });
}

function sumOver(g: GraphBuilder, of: readonly Value[], each: (value: Value, i: number) => Value): Value {
  return of.map(each).reduce((a, b) => g.op('Add', [a, b]));
}
