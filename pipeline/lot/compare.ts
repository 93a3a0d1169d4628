// Mode `all`: what was recomputed against the commit that stands. Equal engine and instruction class demand equal digests.
import { readFile } from 'node:fs/promises';
import type { Commit, EngineRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { SpoolFile, StageOutput } from '../../stages/stage.js';
import { equalWithinTolerance, TOLERANCES } from './tolerance.js';

/**
 * Whether recomputed files equal the committed ones: by digest where provider, ORT version, threads and CPU class are the same,
 * else value by value within the tolerance table.
 */
export async function compareWithCommit(store: ObjectStore, standing: Commit, output: StageOutput): Promise<boolean> {
  const committed = [...standing.objects].sort(byTable);
  const recomputed = [...output.files].sort(byTable);
  if (committed.length !== recomputed.length) return false;
  const pairs = committed.map((object, i) => ({ object, file: recomputed[i] as SpoolFile }));
  if (pairs.some(({ object, file }) => object.table !== file.table)) return false;
  const differing = pairs.filter(({ object, file }) => object.sha256 !== file.sha256);
  if (differing.length === 0) return true;
  if (sameClass(standing.engine, output.engine)) return false;
  for (const { object, file } of differing) {
    // Tables that must be equal byte for byte are not read: weights may be larger than memory.
    if (file.rows !== object.rows || !TOLERANCES[object.table]) return false;
    const before = await store.get(object.key);
    if (before === null) return false;
    const after = await readFile(file.path);
    if (!(await equalWithinTolerance(object.table, before, after))) return false;
  }
  return true;
}

function sameClass(a: EngineRecord | null, b: EngineRecord | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.ort === b.ort &&
    a.provider === b.provider &&
    a.threads === b.threads &&
    a.cpu === b.cpu &&
    a.optimisation === b.optimisation
  );
}

function byTable(
  a: { readonly table: string; readonly sha256: string },
  b: { readonly table: string; readonly sha256: string },
): number {
  return a.table < b.table ? -1 : a.table > b.table ? 1 : 0;
}
