// Ends what DuckDB does when a signal says so. DuckDB forgets an interrupt that comes between two statements, so it is said again and
// again until whoever waits has heard of it.
import type { DuckDBConnection } from '@duckdb/node-api';

const AGAIN_MS = 50;

/** From when the signal aborts every statement of the connection is interrupted, until the result is called. */
export function interruptOn(
  connection: Pick<DuckDBConnection, 'interrupt'>,
  signal: AbortSignal | undefined,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    connection.interrupt();
    timer = setInterval(() => connection.interrupt(), AGAIN_MS);
  };
  if (signal?.aborted) begin();
  else signal?.addEventListener('abort', begin, { once: true });
  return () => {
    signal?.removeEventListener('abort', begin);
    clearInterval(timer);
  };
}
