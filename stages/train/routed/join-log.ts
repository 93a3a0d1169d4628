// The log of a dictionary of frozen experts from those of its experts, which take the same steps side by side.
//
//   loss, l0          fit: mean over experts (equal rows in a step); calib: mean weighted by their calib rows
//   dead fraction     mean over experts: they have equally many features
//   grad norm         √ Σ_e ‖g_e‖²
//   fvu               null: the spread about a mean is that of each expert's own rows, and theirs do not add up to that of all
import type { TrainingRow } from '../messages.js';

/** Rows of one expert's log, and how many calib rows it measured. */
export interface ExpertLog {
  readonly rows: readonly TrainingRow[];
  readonly calibRows: number;
}

/** Rows of all experts at a time, in the order of the first; those of an expert without calib rows lack its share. */
export function joinLogs(logs: readonly ExpertLog[]): TrainingRow[] {
  const longest = logs.reduce((best, own) => (own.rows.length > best.rows.length ? own : best), logs[0] as ExpertLog);
  return longest.rows.map(({ split, step }) => {
    const own = logs.flatMap(({ rows, calibRows }) => {
      const row = rows.find((one) => one.split === split && one.step === step);
      return row ? [{ row, weight: split === 'fit' ? 1 : calibRows }] : [];
    });
    const total = own.reduce((sum, { weight }) => sum + weight, 0);
    const mean = (of: (row: TrainingRow) => number): number =>
      own.reduce((sum, { row, weight }) => sum + weight * of(row), 0) / total;
    const equal = (of: (row: TrainingRow) => number): number =>
      own.reduce((sum, { row }) => sum + of(row), 0) / own.length;
    const norms = own.map(({ row }) => row.gradNorm);
    return {
      ...{ split, step, fvu: null, lr: own[0]?.row.lr ?? 0 },
      tokens: own.reduce((sum, { row }) => sum + row.tokens, 0),
      loss: mean(({ loss }) => loss),
      l0: mean(({ l0 }) => l0),
      deadFraction: equal(({ deadFraction }) => deadFraction),
      gradNorm: norms.includes(null) ? null : Math.sqrt(norms.reduce<number>((sum, norm) => sum + (norm ?? 0) ** 2, 0)),
    };
  });
}
