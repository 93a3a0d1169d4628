// What DuckDB does ends when a signal says so, also where the signal came before the statement had begun.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { openDatabase } from '../../../reading/sql/database.js';
import { interruptOn } from '../../../reading/sql/interrupt.js';

/** Hours of work. */
const ENDLESS = 'select count(*) from range(1000000000000) a(i) where hash(i) = 1';

it.each([
  ['while a statement runs', 300],
  ['before it has begun', null],
])('%s', { timeout: 20_000 }, async (_, afterMs) => {
  const { connection, close } = await openDatabase({ threads: 1, maxBytes: 1e8 });
  const stop = new AbortController();
  const heard = interruptOn(connection, stop.signal);
  if (afterMs === null) stop.abort();
  const ended = expect(connection.run(ENDLESS)).rejects.toThrow('INTERRUPT');
  if (afterMs !== null) await sleep(afterMs).then(() => stop.abort());
  await ended;
  heard();
  // Nothing is interrupted any more.
  await sleep(200);
  expect((await connection.runAndReadAll('select 1')).getRows()).toEqual([[1]]);
  close();
});

it('nothing is interrupted where no signal comes', async () => {
  let interrupts = 0;
  const heard = interruptOn({ interrupt: () => interrupts++ }, new AbortController().signal);
  heard();
  await sleep(120);
  expect(interrupts).toBe(0);
});
