// The one line that shows how far something is, and how it is made to fit a terminal: the bar shrinks first, then what can be spared
// goes; what is left is cut at the end. Pure.
import { printable } from './printable.js';
import { cutTo, displayWidth, padTo } from './width.js';

/** A part that is left out where the line is too long. */
interface SparePart {
  readonly spare: string;
}

export type LivePart = string | SparePart;

export interface LiveLine {
  /** What is going on: a stage's or a model's name. */
  readonly name: string;
  /** How much of it is done, 0 to 1; null: no bar. */
  readonly share: number | null;
  readonly parts: readonly LivePart[];
}

const NAME_COLUMNS = 12;
const BAR_COLUMNS = 20;
/** A shorter bar says nothing. */
const LEAST_BAR = 5;

/** The line, at most `columns` wide. @param columns Infinity: whole */
export function liveLineText(line: string | LiveLine, columns = Infinity): string {
  if (typeof line === 'string') return cutTo(printable(line), columns);
  const { name, share, parts } = line;
  const kept = [...parts];
  for (;;) {
    const rest = kept.map((part) => (typeof part === 'string' ? part : part.spare)).join('  ');
    const head = printable(`${padTo(name, NAME_COLUMNS, false)} `);
    const room = columns - displayWidth(head) - displayWidth(printable(rest)) - 1;
    const bar = share === null || room < LEAST_BAR ? '' : `${barText(share, Math.min(BAR_COLUMNS, room))} `;
    const whole = head + bar + printable(rest);
    const at = kept.findLastIndex((part) => typeof part !== 'string');
    if (displayWidth(whole) <= columns) return whole;
    if (at < 0) return cutTo(`${printable(name)}  ${printable(rest)}`, columns);
    kept.splice(at, 1);
  }
}

function barText(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
