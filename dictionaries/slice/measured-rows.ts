// On which rows of which steps candidates in 8 bits are measured: a function of the step's number.

/** Every so many steps. */
const EVERY_STEPS = 4;
/** Rows of a batch that are looked at in a step that is measured. */
const ROWS = 16;

/** How many. */
export function measuredRows(batchRows: number): number {
  return Math.min(batchRows, ROWS);
}

/** Which rows of a batch are looked at in a step, ascending; null in steps that are not measured. @param step from 0 */
export function rowsToMeasure(step: number, batchRows: number): number[] | null {
  if (step % EVERY_STEPS !== 0) return null;
  const apart = Math.floor(batchRows / measuredRows(batchRows));
  const first = (step / EVERY_STEPS) % apart;
  return Array.from({ length: measuredRows(batchRows) }, (_, i) => first + i * apart);
}
