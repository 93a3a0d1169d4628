// When a worker ends, its compute children are gone and their records with them, also one that does not leave by itself. One that was
// killed before it was ready is started again: it never heard of its task, which therefore has not failed.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChildPool } from '../../../runtime/child/child-pool.js';
import { processStart } from '../../../runtime/child/process-identity.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

/** A child that answers every call with its pid. @param more what else it does */
const program = (more: string): string => `
process.send({ type: 'ready' });
process.on('message', ({ type, id }) => {
  if (type === 'call') process.send({ type: 'result', id, value: process.pid });
});
${more}`;

it.each([
  ['that leaves when its channel closes', "process.on('disconnect', () => process.exit(0));"],
  ['that stays', 'setInterval(() => undefined, 1000);'],
])('a child %s', { timeout: 20_000 }, async (_, more) => {
  const folder = temporaryFolderOfTest('pool');
  const entry = path.join(folder, 'child.mjs');
  const recordFolder = path.join(folder, 'children');
  writeFileSync(entry, program(more));
  const pool = new ChildPool({ entry, env: process.env, memoryLimitBytes: 2 ** 40, recordFolder, slots: 2 });
  expect(pool.memoryLimitBytes).toBe(2 ** 40);
  const { signal } = new AbortController();
  const pids = await Promise.all([1, 2].map(() => pool.call<number>('any', null, { signal })));
  expect(readdirSync(recordFolder)).toHaveLength(2);
  await pool.close();
  expect(readdirSync(recordFolder)).toEqual([]);
  expect(await Promise.all(pids.map(processStart))).toEqual([null, null]);
});

describe('a child that ends before it is ready', () => {
  /** A pool whose children write a line each, and end so as long as there are no more than so many lines. */
  function failing(end: string, times: number): { readonly pool: ChildPool; readonly starts: () => number } {
    const folder = temporaryFolderOfTest('early');
    const entry = path.join(folder, 'child.mjs');
    const log = JSON.stringify(path.join(folder, 'starts'));
    writeFileSync(
      entry,
      `import { appendFileSync, readFileSync } from 'node:fs';
appendFileSync(${log}, 'x');
if (readFileSync(${log}).length <= ${times}) {
  ${end}
  await new Promise(() => setTimeout(() => undefined, 1e6));
}
${program("process.on('disconnect', () => process.exit(0));")}`,
    );
    const recordFolder = path.join(folder, 'children');
    const pool = new ChildPool({ entry, env: process.env, memoryLimitBytes: 2 ** 40, recordFolder, slots: 1 });
    return { pool, starts: () => readFileSync(path.join(folder, 'starts')).length };
  }
  const { signal } = new AbortController();
  const killed = "process.kill(process.pid, 'SIGKILL');";

  it('because it was killed is started again for the same task', async () => {
    const { pool, starts } = failing(killed, 2);
    expect(await pool.call('any', null, { signal })).toBeGreaterThan(0);
    expect(starts()).toBe(3);
    await pool.close();
  });

  it('is told after the third that was killed', async () => {
    const { pool, starts } = failing(killed, 3);
    await expect(pool.call('any', null, { signal })).rejects.toThrow('before it was ready (signal SIGKILL)');
    expect(starts()).toBe(3);
    await pool.close();
  });

  it('by itself is told at once', async () => {
    const { pool, starts } = failing('process.exit(7);', 1);
    await expect(pool.call('any', null, { signal })).rejects.toThrow('before it was ready (exit code 7)');
    expect(starts()).toBe(1);
    await pool.close();
  });
});
