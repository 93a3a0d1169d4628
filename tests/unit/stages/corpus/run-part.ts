// Runs the corpus task in this process on a file or folder, for tests.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { corpusTasks } from '../../../../stages/corpus/task.js';
import { listParts } from '../../../../stages/corpus/parts.js';
import { readCorpusStatistics, type CorpusStatistics } from '../../../../stages/corpus/statistics.js';
import type { CorpusConfig } from '../../../../stages/corpus/config.js';
import type { Part } from '../../../../schemas/stored.js';
import type { SpoolFile } from '../../../../stages/stage.js';
import { readSourceTable } from '../../../../storage/tables/read.js';
import { childContext } from '../../../harness/local-children.js';
import { temporaryFolderOfTest } from '../../../harness/temporary-folder.js';

export const CONFIG: CorpusConfig['keyed'] = {
  seed: 0,
  idField: 'id',
  textField: 'text',
  split: { fit: 0.9, calib: 0.05, test: 0.05 },
  splitSeed: 0,
  shardTokens: 65_536,
  onBadDocument: 'fail',
};

export const KEY = 'k'.repeat(64);

/** Writes files (name → content) below a new folder of the running test; returns the folder. */
export async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = temporaryFolderOfTest('corpus');
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}

export interface PartResult {
  readonly part: Part;
  readonly files: readonly SpoolFile[];
  readonly statistics: CorpusStatistics;
  /** Documents by shard, in order. */
  readonly shards: ReadonlyMap<string, readonly { id: string; text: string; meta: string }[]>;
}

/** Lists the one part of `source` in `folder` and runs the corpus task on it. */
export async function runSource(
  folder: string,
  source: string,
  changes: Partial<CorpusConfig['keyed']> = {},
): Promise<PartResult> {
  const [part] = await listParts([source], { baseFolder: folder, format: 'auto' });
  if (!part) throw new TypeError('no part');
  return runPart(part, changes);
}

export async function runPart(part: Part, changes: Partial<CorpusConfig['keyed']> = {}): Promise<PartResult> {
  const spool = temporaryFolderOfTest('corpus');
  const { files, statistics } = await corpusTasks.corpus(
    { part, path: part.location, key: KEY, config: { ...CONFIG, ...changes }, spool },
    childContext(),
  );
  const shards = new Map<string, { id: string; text: string; meta: string }[]>();
  for (const file of files) {
    if (file.table !== 'source') continue;
    const { id, text, meta } = await readSourceTable(file.path);
    const rows = id.map((one, i) => ({ id: one, text: text[i] ?? '', meta: meta[i] ?? '' }));
    shards.set(file.shard ?? '', [...(shards.get(file.shard ?? '') ?? []), ...rows]);
  }
  const parsed = readCorpusStatistics({ statistics, shard: part.digest.slice(0, 16) });
  return { part, files, statistics: parsed, shards };
}

/** Lines of JSON. */
export function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}
