// Everything that writes on the way from spooled files to a published dataset, in the order of a real run; the crash
// tests end it at every point and do it again. Content is the same each time, whoever runs it.
import { createHash } from 'node:crypto';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunEvent, Snapshot } from '../../schemas/records.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { changeUserLabels } from '../../storage/labels/user-labels.js';
import { putCheckpoint } from '../../storage/records/checkpoints.js';
import { commitOutput, type CommitOutcome, type Output } from '../../storage/records/commits.js';
import { putDataFile } from '../../storage/records/data-objects.js';
import { appendEvent } from '../../storage/records/events.js';
import { putKeyPreimage } from '../../storage/records/key-preimages.js';
import { deleteQuarantine, putQuarantine } from '../../storage/records/quarantine.js';
import { setRef } from '../../storage/records/refs.js';
import { putBeat } from '../../storage/records/runs.js';
import { publishSnapshot } from '../../storage/records/snapshots.js';

export const PREIMAGE = { stage: 'tokens', stageVersion: 1, config: { a: 1 }, inputs: null };
export const KEY = createHash('sha256')
  .update('{"config":{"a":1},"inputs":null,"stage":"tokens","stageVersion":1}')
  .digest('hex');
const INPUT = 'b'.repeat(64);
export const TRAIN_KEY = 'c'.repeat(64);
export const RUN = { name: 'crash/run', revision: 1 };
/** Objects are cut at this size, so that the second file becomes parts. */
const PART_BYTES = 40_000;

export interface SequenceResult {
  readonly commit: CommitOutcome['commit'];
  readonly snapshot: Snapshot;
  readonly event: RunEvent;
}

/** Does it all; `attempt` names who does. */
export async function runSequence(store: ObjectStore, spool: string, attempt: string): Promise<SequenceResult> {
  const output = await spoolOutput(spool, attempt);
  await putBeat(store, RUN, { atMs: 1 });
  await putKeyPreimage(store, PREIMAGE);
  await putQuarantine(store, {
    formatVersion: 1,
    stage: 'tokens',
    key: KEY,
    input: INPUT,
    inputs: null,
    shard: 's',
    split: 'fit',
    errorClass: 'DataError',
    message: 'failed once',
    details: {},
    attempts: 1,
    run: RUN.name,
    revision: 1,
    atMs: 1,
  });
  const { commit } = await commitOutput(store, output, { partBytes: PART_BYTES });
  // A second attempt of the same work, as when the first one's reply was lost.
  await commitOutput(store, { ...output, attempt: `${attempt}-again` }, { partBytes: PART_BYTES });
  await adoptOldObject(store, output);
  await deleteQuarantine(store, commit);
  for (const step of [1, 2, 3]) {
    const chunks = ['same', `step ${step}`].map((text, i) => ({
      name: `chunk ${i}`,
      bytes: Buffer.from(text),
    }));
    await putCheckpoint(store, { key: TRAIN_KEY, step, chunks, state: { step } });
  }
  const snapshot = await publishSnapshot(store, {
    dataset: `${RUN.name}/tokens`,
    stage: 'tokens',
    key: KEY,
    tables: ['tokens'],
    commits: [commit],
    planned: 1,
    quarantined: 0,
    revision: 1,
    complete: true,
  });
  await setRef(store, 'latest', `${snapshot.dataset}@${snapshot.version}`);
  await changeUserLabels(store, {
    dictionary: TRAIN_KEY,
    change: (labels) => labels.set(7, 'begins a list'),
  });
  const event = await appendEvent(store, RUN, { type: 'stage', data: {}, atMs: 1 });
  return { commit, snapshot, event };
}

/** An object that has lain there for long and is used again. */
async function adoptOldObject(store: ObjectStore, output: Output): Promise<void> {
  const [file] = output.files;
  if (file === undefined || store.localPath === undefined) return;
  const key = `data/${file.sha256.slice(0, 2)}/${file.sha256}.${file.extension}`;
  const longAgo = new Date(Date.now() - 48 * 3600_000);
  await utimes(store.localPath(key), longAgo, longAgo);
  await putDataFile(store, file);
}

async function spoolOutput(spool: string, attempt: string): Promise<Output> {
  await mkdir(spool, { recursive: true });
  const files = [];
  for (const [name, bytes] of Object.entries({ small: 30_000, large: 60_000 })) {
    const content = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 255));
    const path = join(spool, name);
    await writeFile(path, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    files.push({ table: 'tokens', path, extension: 'arrow', sha256, bytes, rows: 10, batches: [] });
  }
  return {
    stage: 'tokens',
    key: KEY,
    input: INPUT,
    inputs: { source: ['x'] },
    shard: 's',
    split: 'fit',
    statistics: { tokens: 10 },
    engine: null,
    attempt,
    wallMs: 1,
    producer: { version: '0', host: 'h', run: RUN.name, revision: 1 },
    files,
  };
}
