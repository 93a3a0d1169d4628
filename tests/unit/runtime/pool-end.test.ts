// When a worker ends, its compute children are gone and their records with them, also one that does not leave by itself.
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
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
  const { signal } = new AbortController();
  const pids = await Promise.all([1, 2].map(() => pool.call<number>('any', null, { signal })));
  expect(readdirSync(recordFolder)).toHaveLength(2);
  await pool.close();
  expect(readdirSync(recordFolder)).toEqual([]);
  expect(await Promise.all(pids.map(processStart))).toEqual([null, null]);
});
