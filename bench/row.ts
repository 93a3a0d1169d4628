// What a bench returns: one line per measured quantity, with the bar it has to reach.

export interface BenchRow {
  /** Row of the table of bars, or a name for what has no number there; a second line of a row repeats it. */
  readonly row: number | string;
  readonly what: string;
  /** A ratio within one run, or a count; its unit stands in `what`. */
  readonly value: number;
  /** The bar as it is written, e.g. `>= 0.93`; null for a line without one. */
  readonly must: string | null;
  /** Whether the value reaches the bar; null for a line without one. */
  readonly met: boolean | null;
  /** Sizes, threads and repeats under which it was measured. */
  readonly conditions: string;
}

/** Measures one or more rows. Progress goes to stderr, because stdout may be a JSON document. */
export type Bench = (log: (text: string) => void) => Promise<readonly BenchRow[]>;

/** Reads a bar such as `>= 0.93` or `<= 5` and holds a value against it. */
export function meets(value: number, must: string): boolean {
  const bar = /^(<=|>=) (\d+(?:\.\d+)?)$/.exec(must);
  if (!bar) throw new RangeError(`Expected a bar such as ">= 0.93", got "${must}".`);
  return bar[1] === '<=' ? value <= Number(bar[2]) : value >= Number(bar[2]);
}
