// Numbers of data from which quarantined shards are left out say so, whichever stage lost them; of whole data nothing is said, nor of
// what another dictionary of the run or another revision left out.
import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { exportDocument } from '../../../schemas/documents/datasets.js';
import { metricsDocument } from '../../../schemas/documents/features.js';
import type { Commit, Snapshot } from '../../../schemas/records.js';
import { leftOut } from '../../../reading/datasets/left-out.js';
import { openStore } from '../../../storage/objects/open-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { latestSnapshot, publishSnapshot, readSnapshotCommits } from '../../../storage/records/snapshots.js';
import { finishedRun } from './finished-run.js';

const { folder, cli } = finishedRun();
const ACTIVATIONS = 'small/activations/blocks.2.hook_resid_post';

const COMMANDS: readonly (readonly string[])[] = [
  ['metrics', 'dict'],
  ['top', 'dict', '3'],
  ['sql', 'select count(*) from postings'],
  ['export', 'small/dict/acts', '--to', 'parquet', '--out', 'out'],
];

let store: ObjectStore;
beforeAll(async () => {
  store = await openStore('file://./data', { base: folder });
});

async function commitsOf(snapshot: Snapshot): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readSnapshotCommits(store, snapshot)) commits.push(commit);
  return commits;
}

/** Publishes the dataset again as one of which so many shards were quarantined. */
async function quarantine(dataset: string, shards: number, changes: Partial<Snapshot> = {}): Promise<void> {
  const snapshot = { ...((await latestSnapshot(store, dataset)) ?? expect.fail(dataset)), ...changes };
  const commits = await commitsOf(snapshot);
  const planned = commits.length + shards;
  await publishSnapshot(store, { ...snapshot, commits, planned, quarantined: shards });
}

describe('a run', () => {
  it.each(COMMANDS)('of which all is there: %s says nothing', async (...argv) => {
    expect((await cli(...argv)).err).not.toContain('Left out');
    expect(await leftOut(store, { dataset: 'small/dict/acts', revision: 1 })).toEqual([]);
  });

  it('that lost shards in two stages: each command names both, once', async () => {
    await quarantine('small/tokens', 1);
    await quarantine(ACTIVATIONS, 2);
    const said = `Left out: 2 quarantined shards of ${ACTIVATIONS}, 1 quarantined shard of small/tokens; what they hold is in no number here. Look with: assay quarantine small\n`;
    for (const argv of COMMANDS) expect((await cli(...argv)).err, argv.join(' ')).toContain(said);
  });

  it('that lost shards says so as data', async () => {
    const expected = [
      { dataset: ACTIVATIONS, shards: 2 },
      { dataset: 'small/tokens', shards: 1 },
    ];
    const read = async <S extends z.ZodType>(schema: S, ...argv: string[]): Promise<z.infer<S>> =>
      schema.parse((await cli(...argv, '--json')).json());
    expect((await read(metricsDocument, 'metrics', 'dict'))[0]?.leftOut).toEqual(expected);
    const argv = ['export', 'small/dict/acts', '--to', 'parquet', '--out', 'out'];
    expect((await read(exportDocument, ...argv)).leftOut).toEqual(expected);
  });

  it('is not charged with what another dictionary or another revision lost', async () => {
    const acts = (await latestSnapshot(store, 'small/dict/acts')) ?? expect.fail('no acts');
    const commits = await commitsOf(acts);
    const lost = { planned: commits.length + 5, quarantined: 5 };
    await publishSnapshot(store, { ...acts, dataset: 'small/other/acts', commits, ...lost });
    await quarantine('small/tokens', 7, { revision: 2 });
    expect(await leftOut(store, { dataset: 'small/dict/acts', revision: 1 })).toEqual([
      { dataset: ACTIVATIONS, shards: 2 },
      { dataset: 'small/tokens', shards: 1 },
    ]);
  });
});
