// All probes of one class against the others: k features, k neurons, all activations; chosen and fitted on one set of rows, answering on
// another. Pure.
import type { Labelled, ProbeInputs, SparseRows } from './inputs.js';
import { denseInputs, sparseInputs } from './inputs.js';
import { allColumns, chooseColumns, fitProbe, meanDifferences, probeScores, type Probe } from './probe.js';
import { answersOf, f1Of } from './scores.js';
import { countSplit, MOST_SPLIT } from './splitting.js';

/** Numbers of columns that sparse probes look at. */
export const SPARSE_KS = [1, 2, 5] as const;

/** Rows of a split with what is known of each. */
export interface ProbeRows {
  /** [rows], document number */
  readonly doc: Uint32Array;
  /** [rows, width] */
  readonly act: Float32Array;
  readonly acts: SparseRows;
}

export interface RowsShape {
  readonly width: number;
  readonly features: number;
}

export interface ClassRows {
  readonly fit: Labelled;
  readonly test: Labelled;
}

/** One probe's answers on the test rows. */
export interface SparseProbe {
  readonly k: number;
  /** Features, or neurons. */
  readonly columns: Uint32Array;
  /** [rows], above 0: of the class */
  readonly scores: Float64Array;
}

export interface ClassProbes extends ClassRows {
  readonly dictionary: readonly SparseProbe[];
  readonly neurons: readonly SparseProbe[];
  readonly raw: { readonly probe: Probe; readonly scores: Float64Array };
  readonly splitting: {
    /** Those that the class takes. */
    readonly features: Uint32Array;
    /** Of the test rows, by k − 1, for as many as were tried. */
    readonly f1: readonly number[];
  };
}

interface Inputs {
  readonly fit: ProbeInputs;
  readonly test: ProbeInputs;
}

export interface FittedRows {
  readonly fit: ProbeRows;
  readonly test: ProbeRows;
  readonly shape: RowsShape;
}

export function probeClass({ fit, test, shape }: FittedRows, rows: ClassRows): ClassProbes {
  const features: Inputs = {
    fit: sparseInputs(fit.acts, shape.features),
    test: sparseInputs(test.acts, shape.features),
  };
  const neurons: Inputs = { fit: denseInputs(fit.act, shape.width), test: denseInputs(test.act, shape.width) };
  const differences = meanDifferences(features.fit, rows.fit);
  const probe = fitProbe(neurons.fit, allColumns(neurons.fit), rows.fit);
  return {
    ...rows,
    dictionary: sparseProbes(features, differences, rows),
    neurons: sparseProbes(neurons, meanDifferences(neurons.fit, rows.fit), rows),
    raw: { probe, scores: probeScores(neurons.test, probe, rows.test.rows) },
    splitting: splitClass(features, differences, rows),
  };
}

function sparseProbes(inputs: Inputs, differences: Float64Array, rows: ClassRows): SparseProbe[] {
  const chosen = chooseColumns(differences, Math.max(...SPARSE_KS), 'size');
  return SPARSE_KS.map((k) => answer(inputs, { k, columns: chosen.slice(0, k) }, rows));
}

function answer(inputs: Inputs, of: Omit<SparseProbe, 'scores'>, { fit, test }: ClassRows): SparseProbe {
  const probe = fitProbe(inputs.fit, of.columns, fit);
  return { ...of, scores: probeScores(inputs.test, probe, test.rows) };
}

function splitClass(inputs: Inputs, differences: Float64Array, rows: ClassRows): ClassProbes['splitting'] {
  const chosen = chooseColumns(differences, MOST_SPLIT, 'towards');
  const f1: number[] = [];
  for (let k = 1; k <= chosen.length; k++) {
    const { scores } = answer(inputs, { k, columns: chosen.slice(0, k) }, rows);
    f1.push(f1Of(answersOf(scores, rows.test.y)));
    // The first k that adds too little ends it.
    if (countSplit(f1) < k) break;
  }
  return { features: chosen.slice(0, f1.length === 0 ? 0 : countSplit(f1)), f1 };
}
