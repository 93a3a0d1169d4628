// Whether a dictionary does better than what it is compared with, from the rows of its evaluation. Pure: one rule for every command.
//
//   fvuDifference = fvu of the dictionary − fvu of the control, over the same rows, its interval by resampling documents in pairs
//   better: the interval lies below 0      worse: above 0      undecided: it holds 0, or there is none
//   unequal: the control takes clearly another number of numbers per row, so that neither beats the other
// "Beaten" means better. A dictionary that is worse or undecided against any control does not beat it, and is marked.

/** Rows of an evaluation, as the table holds them. */
export interface EvaluationRow {
  readonly subject: string;
  readonly metric: string;
  readonly value: number | null;
  readonly lo: number | null;
  readonly hi: number | null;
  readonly n: number;
}

export interface Comparison {
  readonly control: string;
  readonly verdict: 'better' | 'worse' | 'undecided' | 'unequal';
  /** Of the control. */
  readonly fvu: number | null;
  readonly l0: number | null;
  /** Below 0: the dictionary explains more. */
  readonly difference: { readonly value: number | null; readonly lo: number | null; readonly hi: number | null };
}

/** The subject that is measured; all others are controls. */
export const DICTIONARY_SUBJECT = 'dictionary';
/** L0 counts as equal within this share of the dictionary's, or half a feature. */
const EQUAL_L0 = 0.05;

/** One comparison per control, in the order of the rows. */
export function compareWithControls(rows: readonly EvaluationRow[]): Comparison[] {
  const find = (subject: string, metric: string): EvaluationRow | undefined =>
    rows.find((row) => row.subject === subject && row.metric === metric);
  const l0 = find(DICTIONARY_SUBJECT, 'l0')?.value ?? null;
  const controls = [...new Set(rows.map(({ subject }) => subject))].filter((name) => name !== DICTIONARY_SUBJECT);
  return controls.map((control): Comparison => {
    const difference = find(control, 'fvuDifference');
    const own = find(control, 'l0')?.value ?? null;
    const [value, lo, hi] = [difference?.value ?? null, difference?.lo ?? null, difference?.hi ?? null];
    return {
      ...{ control, fvu: find(control, 'fvu')?.value ?? null, l0: own, difference: { value, lo, hi } },
      verdict: equalL0(l0, own) ? differenceVerdict({ lo, hi }, 'below') : 'unequal',
    };
  });
}

/** Controls that the dictionary does not beat. */
export function unbeaten(comparisons: readonly Comparison[]): Comparison[] {
  return comparisons.filter(({ verdict }) => verdict === 'worse' || verdict === 'undecided');
}

function equalL0(dictionary: number | null, control: number | null): boolean {
  if (dictionary === null || control === null) return false;
  return Math.abs(dictionary - control) <= Math.max(0.5, EQUAL_L0 * dictionary);
}

/** What the interval of a difference says. @param better on which side of 0 the dictionary is better */
export function differenceVerdict(
  { lo, hi }: { readonly lo: number | null; readonly hi: number | null },
  better: 'below' | 'above',
): 'better' | 'worse' | 'undecided' {
  if (lo === null || hi === null) return 'undecided';
  if (hi < 0) return better === 'below' ? 'better' : 'worse';
  if (lo > 0) return better === 'above' ? 'better' : 'worse';
  return 'undecided';
}
