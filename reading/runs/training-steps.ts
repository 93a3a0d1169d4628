// How many steps the dictionaries of a run are trained for, for those who tell how far a training is.
import type { ResolvedRun } from '../../schemas/resolved-run.js';

/** Steps of each dictionary; null where there is none, or where dictionaries differ. */
export function trainingSteps({ dictionaries }: Pick<ResolvedRun, 'dictionaries'>): number | null {
  const lengths = new Set(dictionaries.flatMap(({ sae }) => ('tokens' in sae ? [Math.floor(sae.tokens / sae.batchRows)] : [])));
  const [steps = null] = lengths.size === 1 ? lengths : [];
  return steps;
}
