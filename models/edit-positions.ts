// Which positions an edit means and which row of its value each takes: from what a user writes (`5`, `-1`, `3:7`, `5<-3`)
// to spans that fit contexts of a known greatest length. Pure.
import { POSITIONS, type PositionSpan } from '../schemas/model-edits.js';
import { InputError } from '../schemas/errors.js';

/** One entry of `at`, read. */
export interface ChosenPositions {
  readonly text: string;
  readonly from: number;
  /** Excluded; null: the end of the context. */
  readonly to: number | null;
  /** Row of the value for `from`, where the entry names one; negative from the value's end. */
  readonly row: number | null;
}

export const POSITION_EXAMPLES = 'e.g. 5, -1 (the last), 3:7 (3 to 6), 4: (from 4 on), 5<-3 (row 3 of the value)';

/** An entry of `at`. @throws InputError for one that cannot be read, or that no context has */
export function parsePositions(entry: number | string): ChosenPositions {
  const text = String(entry).replaceAll(' ', '');
  if (!POSITIONS.test(text)) throw badPositions(text, 'cannot be read as positions');
  const [target = '', source] = text.split('<-');
  const { from, to } = readRange(target);
  const count = countOf({ from, to });
  if (count !== null && count <= 0) throw badPositions(text, 'is empty');
  if (source === undefined) return { text, from, to, row: null };
  const rows = readRange(source);
  const many = source.includes(':') ? countOf(rows) : count;
  if (count === null || many !== count)
    throw badPositions(text, `maps ${count ?? 'an open range of'} positions to ${many ?? 'an open range of'} rows`);
  return { text, from, to, row: rows.from };
}

export interface Placement {
  /** Tokens of the longest context, and what the user calls them. */
  readonly length: number;
  readonly lengthName: string;
  /** Rows of the value along the positions; null where it is the same at all of them. */
  readonly rows: number | null;
}

/**
 * The spans that `at` means, sorted and joined, with rows where the value has some: by position where it has as many rows as
 * the context has tokens, in order where as many as positions are chosen, else as mapped. Undefined: everywhere.
 * @throws InputError for a position beyond the context, and where rows and positions do not agree
 */
export function placePositions(
  at: readonly (number | string)[] | undefined,
  placement: Placement,
): PositionSpan[] | undefined {
  const chosen = (at ?? [':']).map(parsePositions);
  for (const one of chosen) refuseBeyond(one, placement);
  const { rows } = placement;
  if (rows === null) {
    const mapped = chosen.find(({ row }) => row !== null);
    if (mapped)
      throw new InputError(
        `Expected positions without rows, because the value is the same at all positions, found "${mapped.text}". Write "${mapped.text.split('<-')[0] ?? ''}", or give a value with a row per position.`,
        { at: mapped.text },
      );
    const spans = joined(chosen.map(({ from, to }) => ({ from, to })));
    const [only] = spans;
    return spans.length === 1 && only?.from === 0 && only.to === null ? undefined : spans;
  }
  const spans = joined(withRows(chosen, { ...placement, rows }));
  for (const span of spans) refuseMissingRow(span, { ...placement, rows });
  return spans;
}

interface RowPlacement extends Placement {
  readonly rows: number;
}

function withRows(chosen: readonly ChosenPositions[], placement: RowPlacement): PositionSpan[] {
  const { rows, length, lengthName } = placement;
  const mapped = chosen.some(({ row }) => row !== null);
  const byPosition = rows === length;
  const own = chosen.find(({ row }) => row === null);
  if (mapped && own && !byPosition)
    throw new InputError(
      `Expected a row of the value for each entry of \`at\` (e.g. "${own.text}<-0"), because its ${rows} rows are not one per token of a context (${lengthName}: ${length}), found "${own.text}".`,
      { at: own.text, rows, length },
    );
  if (mapped || byPosition) {
    return chosen.map(({ from, to, row }) => {
      const first = row ?? from;
      return { from, to, row: first < 0 ? rows + first : first };
    });
  }
  const places = joined(chosen.map(({ from, to }) => ({ from, to })));
  const counts = places.map(countOf);
  const total = counts.reduce<number>((sum, count) => sum + (count ?? NaN), 0);
  if (total !== rows) throw rowsDisagree(total, placement);
  let row = 0;
  return places.map((span, i) => {
    const first = row;
    row += counts[i] ?? 0;
    return { ...span, row: first };
  });
}

/** Spans in order (from the start, then from the end), overlapping and adjacent ones as one where their rows go on. */
function joined(spans: readonly PositionSpan[]): PositionSpan[] {
  const end = ({ from, to }: PositionSpan): number => to ?? (from < 0 ? 0 : Infinity);
  const sorted = [...spans].sort(
    (a, b) => Number(a.from < 0) - Number(b.from < 0) || a.from - b.from || end(a) - end(b),
  );
  const result: PositionSpan[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    const same = last !== undefined && last.from < 0 === span.from < 0 && sameSign(last) && sameSign(span);
    if (!same || span.from > end(last)) {
      result.push(span);
      continue;
    }
    const goesOn = span.row === undefined || span.row - span.from === (last.row ?? 0) - last.from;
    if (goesOn) result[result.length - 1] = { ...last, to: end(span) > end(last) ? span.to : last.to };
    else if (span.from === end(last)) result.push(span);
    else
      throw new InputError(
        `Expected each position once, found ${span.from} with two rows of the value. Remove one of them.`,
        { position: span.from },
      );
  }
  return result;
}

/** Whether both ends are counted from the same end of the context. */
function sameSign({ from, to }: Pick<PositionSpan, 'from' | 'to'>): boolean {
  return to === null || from < 0 === to < 0;
}

/** Positions of a span; null where that depends on the context. */
function countOf({ from, to }: Pick<PositionSpan, 'from' | 'to'>): number | null {
  if (to === null) return from < 0 ? -from : null;
  return sameSign({ from, to }) ? to - from : null;
}

function readRange(text: string): { readonly from: number; readonly to: number | null } {
  if (!text.includes(':')) {
    const place = Number(text);
    return { from: place, to: place === -1 ? null : place + 1 };
  }
  const [from = '', to = ''] = text.split(':');
  return { from: from === '' ? 0 : Number(from), to: to === '' ? null : Number(to) };
}

function refuseBeyond({ text, from, to }: ChosenPositions, placement: Placement): void {
  const { length, lengthName } = placement;
  const start = from < 0 ? length + from : from;
  const end = to === null ? length : to < 0 ? length + to : to;
  if (start >= 0 && start < end && end <= length) return;
  throw new InputError(
    `Expected positions from 0 to ${length - 1} or from -${length} to -1 (${lengthName}: ${length}), found "${text}". Correct \`at\`, ${POSITION_EXAMPLES}.`,
    { at: text, length },
  );
}

function refuseMissingRow({ from, to, row = 0 }: PositionSpan, placement: RowPlacement): void {
  const { length, rows } = placement;
  // With both ends at one side this is exact; else no context has more.
  const most = countOf({ from, to }) ?? (from < 0 ? -from : (to ?? 0) + length - from);
  if (row >= 0 && row + most <= rows) return;
  throw new InputError(
    `Expected rows 0 to ${rows - 1} of the value, found ${row < 0 ? row : row + most - 1} for the positions from ${from} on. Correct the rows after "<-".`,
    { row, rows, from },
  );
}

function rowsDisagree(chosen: number, { rows, length, lengthName }: RowPlacement): InputError {
  const many = Number.isNaN(chosen) ? '' : `, or ${chosen} rows, one per chosen position`;
  return new InputError(
    `Expected a value with ${length} rows, one per token of a context (${lengthName})${many}, found ${rows} rows. Name the rows: at=5<-3 sets position 5 to row 3.`,
    { rows, length, ...(Number.isNaN(chosen) ? {} : { chosen }) },
  );
}

function badPositions(text: string, problem: string): InputError {
  return new InputError(`Expected positions in \`at\`, ${POSITION_EXAMPLES}; "${text}" ${problem}.`, { at: text });
}
