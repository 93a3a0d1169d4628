// Small but complete records for the tests of storage.
import { sha256Hex } from '../../../../core/identity/digest.js';
import type { Commit, ObjectRecord } from '../../../../schemas/records.js';

export const KEY = sha256Hex('key');

/** An object of content that its name stands for. */
export function sampleObject(name: string, table = 'tokens'): ObjectRecord {
  const sha256 = sha256Hex(name);
  const key = `data/${sha256.slice(0, 2)}/${sha256}.arrow`;
  return { table, shard: name, key, sha256, bytes: name.length, rows: 3, batches: [] };
}

/** The commit of the n-th shard. */
export function sampleCommit(n: number, changes: Partial<Commit> = {}): Commit {
  return {
    formatVersion: 1,
    stage: 'tokens',
    key: KEY,
    input: sha256Hex(`input ${n}`),
    inputs: { source: [sha256Hex(`source ${n}`)], n },
    shard: `shard-${n}`,
    split: 'fit',
    objects: [sampleObject(`shard-${n}`)],
    statistics: { tokens: n },
    engine: null,
    attempt: 'one',
    wallMs: 1.5,
    committedMs: 1000 + n,
    producer: { version: '0.1.0', host: 'h', run: 'r', revision: 1 },
    prereg: null,
    ...changes,
  };
}

/** What the async iterable gives, as a list. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
