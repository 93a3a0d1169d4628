// Corpus commits made in this process, for tests: their objects' keys are local paths.
import { digestOf } from '../../../../core/identity/digest.js';
import type { Commit } from '../../../../schemas/records.js';
import type { SpoolFile } from '../../../../stages/stage.js';
import { folderWith, jsonLines, KEY, runSource, type PartResult } from '../corpus/run-part.js';

/** Spool files as stored objects: the key is the local path. */
export function objectsOf(files: readonly SpoolFile[], shard: string): Commit['objects'] {
  return files.map((file) => ({
    ...file,
    shard: file.shard ?? shard,
    key: file.path,
    batches: [...file.batches],
  }));
}

/** The commit of a part. */
export function commitOf(result: Pick<PartResult, 'part' | 'files' | 'statistics'>): Commit {
  const shard = result.part.digest.slice(0, 16);
  const inputs = { part: result.part.digest };
  return {
    formatVersion: 1,
    stage: 'corpus',
    key: KEY,
    input: digestOf(inputs),
    inputs,
    shard,
    split: null,
    objects: objectsOf(result.files, shard),
    statistics: result.statistics,
    engine: null,
    attempt: 'test',
    wallMs: 0,
    committedMs: 0,
    producer: { version: '0', host: 'h', run: 'r', revision: 0 },
    prereg: null,
  };
}

/** Commits of parts with these JSON lines, in small shards. */
export async function commits(...texts: string[]): Promise<Commit[]> {
  const found: Commit[] = [];
  for (const text of texts) {
    const folder = await folderWith({ 'a.jsonl': text });
    found.push(commitOf(await runSource(folder, 'a.jsonl', { shardTokens: 100 })));
  }
  return found;
}

/** JSON lines of n documents NAME-0, NAME-1, … */
export const many = (name: string, n: number): string =>
  jsonLines(
    Array.from({ length: n }, (_, i) => ({
      id: `${name}-${i}`,
      text: `In the beginning ${name} ${i}`,
    })),
  );
