// Mode `all`: what was recomputed against the commit that stands. Equal engine and instruction class demand equal digests.
import { readFile } from 'node:fs/promises';
import type { Commit, EngineRecord } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { StageOutput } from '../stage.js';
import { equalWithinTolerance } from './tolerance.js';

/**
 * Whether recomputed files equal the committed ones: by digest where provider, ORT version, threads and CPU class are the same,
 * else value by value within the tolerance table.
 */
export async function compareWithCommit(
  store: ObjectStore,
  standing: Commit,
  output: StageOutput,
): Promise<boolean> {
  const committed = [...standing.objects].sort(byTable);
  const recomputed = [...output.files].sort(byTable);
  if (committed.length !== recomputed.length) return false;
  const digestsEqual = committed.every(
    (object, i) => object.table === recomputed[i]?.table && object.sha256 === recomputed[i]?.sha256,
  );
  if (digestsEqual) return true;
  if (sameClass(standing.engine, output.engine)) return false;
  for (const [i, object] of committed.entries()) {
    const file = recomputed[i];
    if (file?.table !== object.table || file.rows !== object.rows) return false;
    if (file.sha256 === object.sha256) continue;
    const before = await store.get(object.key);
    if (before === null || !equalWithinTolerance(object.table, before, await readFile(file.path)))
      return false;
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
