// What writes the rows of a query in one form, piece by piece. No form holds more than a few rows.
import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { SqlResult } from '../query.js';

export type Piece = string | Uint8Array;

export interface RowFormat {
  /** What stands before the rows. */
  begin(answer: Pick<SqlResult, 'columns' | 'types'>): Iterable<Piece>;
  rows(chunk: DuckDBDataChunk): Iterable<Piece>;
  /** What stands behind them. */
  end(answer: Pick<SqlResult, 'coverage'>): Iterable<Piece>;
}

/** Text is handed on in pieces of about so many characters. */
const PIECE_CHARACTERS = 65_536;

/**
 * Writes a whole answer, as fast as it is taken.
 * @param send false where nobody reads any more: the rest is not made
 */
export async function writeAnswer(
  answer: SqlResult,
  format: RowFormat,
  send: (piece: Piece) => Promise<boolean>,
): Promise<void> {
  let held = '';
  const put = async (pieces: Iterable<Piece>): Promise<boolean> => {
    for (const piece of pieces) {
      if (typeof piece === 'string') held += piece;
      if (typeof piece === 'string' && held.length < PIECE_CHARACTERS) continue;
      if (held !== '' && !(await send(held))) return false;
      held = '';
      if (typeof piece !== 'string' && !(await send(piece))) return false;
    }
    return true;
  };
  if (!(await put(format.begin(answer)))) return;
  for await (const chunk of answer.chunks) if (!(await put(format.rows(chunk)))) return;
  if ((await put(format.end(answer))) && held !== '') await send(held);
}
