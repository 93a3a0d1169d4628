// Names of the steps that make a dictionary of frozen experts, and of what they publish.
import { datasetNames } from '../../dataset-names.js';

/**
 * routes: clusters of fit rows; rows: fit and calib rows sorted by expert; experts: a training each; join: the experts as one
 * dictionary.
 */
export const ROUTED_PARTS = ['routes', 'rows', 'experts', 'join'] as const;
export type RoutedPart = (typeof ROUTED_PARTS)[number];

const PREFIX = 'routed/';

/** Subject of a step. */
export function routedSubject(dictionary: string, part: RoutedPart): string {
  return `${PREFIX}${dictionary}/${part}`;
}

/** What a step's subject says; null for another step. */
export function routedStep(subject: string | null): { readonly name: string; readonly part: RoutedPart } | null {
  const [prefix, name, last, ...more] = (subject ?? '').split('/');
  const part = ROUTED_PARTS.find((own) => own === last);
  return `${prefix ?? ''}/` === PREFIX && name && part && more.length === 0 ? { name, part } : null;
}

/** What each step publishes, but for the last, whose datasets are those of every dictionary. */
export function routedDatasets(run: string, dictionary: string): Readonly<Record<Exclude<RoutedPart, 'join'>, string>> {
  const { dictionary: named } = datasetNames(run);
  return {
    routes: named(dictionary, 'routes'),
    rows: named(dictionary, 'expert-rows'),
    experts: named(dictionary, 'experts'),
  };
}

/** Shard name of an expert's training. */
export function expertShard(expert: number): string {
  return `expert-${String(expert).padStart(5, '0')}`;
}
