// The names of an evaluation's datasets and steps. Pure.
import { datasetNames } from '../dataset-names.js';
import type { EvaluationRequest } from '../work.js';

/** What an evaluation is called among a dictionary's datasets: of the run's own test split, `evaluation` alone. */
export function evaluationName({
  split,
  corpus,
  together = [],
}: Pick<EvaluationRequest, 'split' | 'corpus' | 'together'>): string {
  const parts = [
    ...(split === 'test' ? [] : [split]),
    ...(corpus ? [`on-${corpus.name}`] : []),
    ...(together.length > 0 ? [`with-${together.join('-')}`] : []),
  ];
  return ['evaluation', ...parts].join('-');
}

export interface EvaluationDatasets {
  /** Means and components. */
  readonly basis: string;
  /** Sums by shard. */
  readonly sums: string;
  /** The table. */
  readonly table: string;
}

export function evaluationDatasets(run: string, request: EvaluationRequest): EvaluationDatasets {
  const name = evaluationName(request);
  const of = (table: string): string => datasetNames(run).dictionary(request.dictionary, table);
  return { basis: of(`${name}-basis`), sums: of(`${name}-sums`), table: of(name) };
}

export type EvaluationPart = keyof EvaluationDatasets;

/** Subject of a step. */
export function evaluationSubject(request: EvaluationRequest, part: EvaluationPart): string {
  const name = `${request.dictionary}/${evaluationName(request)}`;
  return part === 'table' ? name : `${name}-${part}`;
}
