// What doctor found, as a table for people. Pure.
import { textTable, type TextTable } from '../terminal/table.js';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly found: string;
  readonly remedy: string | null;
  /**
   * A missing thing that does not fail the check: `extra` is not needed by a run here, `later` is not there yet. Left out: needed.
   */
  readonly optional?: 'extra' | 'later';
}

/** One line per check, a remedy below what is not there. */
export function doctorText(checks: readonly Check[]): TextTable {
  const columns = [{ title: '' }, { title: 'check', whole: true }, { title: 'found', whole: true }];
  const rows = checks.flatMap((check) => {
    const row = [markOf(check), check.name, foundOf(check)];
    return check.ok || check.remedy === null ? [row] : [row, ['', '', `→ ${check.remedy}`]];
  });
  return textTable(columns, rows);
}

function markOf({ ok, optional }: Check): string {
  if (ok) return 'ok';
  return optional === undefined ? 'FAILED' : '-';
}

function foundOf({ ok, optional, found }: Check): string {
  if (ok || optional !== 'extra') return found;
  return found === '' ? 'optional, not here' : `optional, not here: ${found}`;
}

/** Places in C++ sources, and the call or condition behind them. */
const SOURCES = /\S+\.(?:cc|cpp|h):\d+ .*?(?: was false\.? |\) (?=[A-Z]))/g;

/** The sentence of a provider's refusal that says what is missing, without the names and places of a library's inside. */
export function refusalText(reason: string): string {
  const said = /ONNX Runtime \S+ says: ([^]*?)(?:\. Set compute\.device|$)/.exec(reason)?.[1] ?? reason;
  const plain = said
    .split('\n')
    .join(' ')
    .replace(SOURCES, '')
    .replace(/^\w+: /, '');
  return plain.replace(/\.$/, '').trim();
}
