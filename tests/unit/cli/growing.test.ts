// Commands over a run that is still going on, has revisions, quarantined shards, or nobody who works on it.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  explainDocument,
  logsDocument,
  quarantineDocument,
  rmDocument,
  runsDocument,
  statusDocument,
} from '../../../schemas/documents/runs.js';
import { datasetsDocument } from '../../../schemas/documents/datasets.js';
import { findDocument, sqlDocument, topDocument } from '../../../schemas/documents/features.js';
import type { Snapshot } from '../../../schemas/records.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { appendEvent } from '../../../storage/records/events.js';
import { listCommitInputs } from '../../../storage/records/commits.js';
import { readPlan } from '../../../storage/records/plan-record.js';
import { getInputs } from '../../../storage/records/planned-inputs.js';
import { putQuarantine } from '../../../storage/records/quarantine.js';
import { latestSnapshot } from '../../../storage/records/snapshots.js';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { TOKENIZER } from '../../harness/fixtures.js';
import { readRunStatus } from '../../../reading/runs/run-status.js';
import { statusText } from '../../../cli/render/run-text.js';
import { layoutText } from '../../../cli/terminal/text.js';
import { runCli, type CliResult } from './harness.js';
import { runStages, submitRun, writeRun } from './pipeline.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';

const folder = temporaryFolder('cli');
/** One token that gets no row, wherever it stands. */
const DROPPED = ' the';
let store: ObjectStore;
let run: ResolvedRun;
function activations(batchTokens: number): (yaml: string) => string {
  const [id] = new Tokenizer(readFileSync(TOKENIZER)).encode(DROPPED).ids;
  return (yaml) => yaml.replace('batchTokens: 512', `batchTokens: ${batchTokens}, dropTokens: [${id}]`);
}
beforeAll(async () => {
  store = await openStore('file://./data', { base: folder });
  run = await submitRun(store, await writeRun(folder, activations(512)));
  await runStages(store, run, { folder, until: 'encode', most: 2 });
});
afterAll(async () => {
  await store.close();
});

const cli = (...argv: string[]): Promise<CliResult> => runCli([...argv, '--store', 'data'], { cwd: folder });

async function acts(): Promise<Snapshot> {
  const snapshot = await latestSnapshot(store, 'small/dict/acts');
  if (snapshot === null) throw new TypeError('no acts');
  return snapshot;
}

const event = (type: string, data: Record<string, unknown> = {}): Promise<unknown> =>
  appendEvent(store, run, { type, data, atMs: Date.now() });

describe('a dictionary whose shards are not all encoded', () => {
  it('answers top from the encoded shards and says how many they are', async () => {
    const { planned } = await acts();
    const feature = (await sqlRows('select feature from postings group by 1 order by count(*) desc limit 1'))[0]?.[0];
    const result = await cli('top', 'dict', String(feature), '--json');
    const document = topDocument.parse(result.json());
    expect(document.coverage).toEqual({ shards: 2, planned });
    expect(document.n).toBe(
      (await sqlRows(`select count(*) from postings where feature = ${String(feature)}`))[0]?.[0],
    );
    const best = (await sqlRows(`select max(value) from postings where feature = ${String(feature)}`))[0]?.[0];
    expect(document.examples[0]?.value).toBe(best);
    expect(result.err).toContain(`covers 2 of ${String(planned)} shards of small/dict so far`);
  });

  it('answers find, with no features on tokens that the run drops', async () => {
    const found = findDocument.parse((await cli('find', 'dict', 'In the days of the king', '--json')).json());
    const texts = found.tokens.map(({ token }) => token);
    expect(texts.filter((text) => text === DROPPED)).toHaveLength(2);
    for (const { token, stored, features } of found.tokens) {
      expect(stored).toBe(token !== DROPPED);
      if (!stored) expect(features).toEqual([]);
    }
  });

  it('answers sql likewise', async () => {
    const result = await cli('sql', 'select count(*) from acts', '--json');
    const { planned } = await acts();
    expect(sqlDocument.parse(result.json()).coverage).toEqual([
      { table: 'acts', dataset: 'small/dict/acts', shards: 2, planned },
    ]);
    expect(result.err).toContain(`acts covers 2 of ${String(planned)} shards so far`);
  });

  it('has no metrics yet, and says what to wait for', async () => {
    const result = await cli('metrics', 'dict');
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain('small/dict is not measured yet; wait for the stage index (`assay status small`)');
  });

  it('is listed as growing', async () => {
    const { planned } = await acts();
    expect((await cli('datasets')).out).toContain(`growing: 2 of ${String(planned)} shards`);
    expect(datasetsDocument.parse((await cli('datasets', '--json')).json()).length).toBeGreaterThan(5);
  });
});

async function sqlRows(query: string): Promise<unknown[][]> {
  return sqlDocument.parse((await cli('sql', query, '--json')).json()).rows;
}

describe('status', () => {
  const status = async () => statusDocument.parse((await cli('status', 'small', '--json')).json());

  it('counts commits against the stored plan, from the store alone', async () => {
    const { planned } = await acts();
    const found = await status();
    expect(found).toMatchObject({
      run: 'small',
      revision: 1,
      state: 'running',
      signOfLife: true,
      beatAgeSeconds: null,
    });
    expect(found.stages.find((s) => s.dataset === 'small/tokens')).toMatchObject({
      done: planned,
      planned,
      quarantined: 0,
    });
    expect(found.stages.find((s) => s.dataset === 'small/dict/acts')).toMatchObject({
      done: 2,
      planned,
    });
    expect(found.stages.find((s) => s.dataset === 'small/dict/top')).toMatchObject({
      key: null,
      done: 0,
      planned: null,
    });
  });

  it('groups datasets of one key into a line', async () => {
    const { out } = await cli('status', 'small');
    expect(out).toMatch(/^small \(revision 1\) is running\nstage +done +planned/);
    expect(out).toMatch(/\ntokens +\d+ +\d+ +100 % +0 +documents, tokens\n/);
    expect(out).toMatch(/\nencode +2 +\d+ +\d+ % +0 +dict\/acts, dict\/postings-runs/);
    expect(out).toMatch(/\nindex +0 +\? +0 +dict\/postings, dict\/features, dict\/top/);
  });

  it('says when no worker gives a sign of life', async () => {
    const beat = {
      formatVersion: 1,
      atMs: Date.now() - 100_000,
      worker: 'x',
      stage: 'encode',
      lot: 0,
      progress: { rows: 7 },
    };
    await store.put('runs/small/1/beat.json', Buffer.from(JSON.stringify(beat)));
    const later = await readRunStatus(store, run, Date.now() + 70_000);
    expect(later.signOfLife).toBe(false);
    const shown = layoutText(statusText(later), { columns: Infinity, colour: false });
    expect(shown).toContain('warning: no sign of life for 170 s');
    expect(shown).toContain('(in hand: 7 rows)');
    expect((await status()).signOfLife).toBe(true);
  });

  it('with --watch ends when it is interrupted, with 130', async () => {
    const interrupt = new AbortController();
    setTimeout(() => interrupt.abort(), 300);
    const result = await runCli(['status', 'small', '--watch', '--store', 'data', '--json'], {
      cwd: folder,
      signal: interrupt.signal,
    });
    expect(result.code).toBe(130);
    expect(statusDocument.parse(result.json()).run).toBe('small');
  });

  it('of an unknown run names the nearest', async () => {
    expect(await cli('status', 'smal')).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean small') as string,
    });
  });
});

describe('pause, failure and quarantine', () => {
  it('are told with their reasons', async () => {
    await event('paused', { stage: 'encode', reason: '3 of 6 shards are quarantined' });
    expect((await cli('status', 'small')).out).toContain('is paused: 3 of 6 shards are quarantined');
    await event('unpaused', {});
    const [summary] = runsDocument.parse((await cli('runs', '--json')).json());
    expect(summary).toMatchObject({ run: 'small', revision: 1, state: 'running', stage: 'encode' });
    expect((await cli('runs')).out).toMatch(/^run +rev +state +stage/);
  });

  it('list quarantined shards with their errors', async () => {
    const { key } = await acts();
    const input = await notEncoded(key);
    const details = { site: 's', doc: 3, pos: 4 };
    await putQuarantine(store, {
      ...{
        formatVersion: 1,
        stage: 'encode',
        key,
        input,
        inputs: {},
        shard: 'p-fit-00001',
        split: 'fit',
      },
      ...{
        errorClass: 'DataError',
        message: 'found NaN',
        details,
        attempts: 2,
        run: 'small',
        revision: 1,
        atMs: Date.now(),
      },
    });
    const { shards } = quarantineDocument.parse((await cli('quarantine', 'small', '--json')).json());
    expect(shards).toMatchObject([
      {
        stage: 'encode',
        shard: 'p-fit-00001',
        errorClass: 'DataError',
        message: 'found NaN',
        details,
        attempts: 2,
        key,
        input,
      },
    ]);
    const { out } = await cli('quarantine', 'small');
    expect(out).toMatch(/DataError: found NaN\nTry them again with: assay resume small --mode errored\n$/);
  });
});

/** A shard that the run has planned to encode and has not. */
async function notEncoded(key: string): Promise<string> {
  const plan = await readPlan(store, { name: 'small', revision: 1 });
  const lists = plan?.stages.find((entry) => entry.key === key)?.inputs ?? [];
  const planned = await getInputs(store, lists);
  const committed = await listCommitInputs(store, 'encode', key);
  return planned.map(([input]) => input).find((input) => !committed.has(input)) ?? expect.fail('everything is encoded');
}

describe('logs', () => {
  it('are the events of the run, oldest first', async () => {
    const all = logsDocument.parse((await cli('logs', 'small', '--json')).json()).events;
    expect(all[0]).toMatchObject({ n: 1, type: 'started' });
    const last = logsDocument.parse((await cli('logs', 'small', '--last', '2', '--json')).json()).events;
    expect(last).toEqual(all.slice(-2));
    expect((await cli('logs', 'small')).out).toMatch(/Z {2}stage-started {2}stage=corpus\n/);
  });
});

describe('a second revision', () => {
  it('is explained against the first: which fields of which keys changed', async () => {
    const first = explainDocument.parse((await cli('explain', 'small', '--json')).json());
    expect(first.against).toBeNull();
    await event('cancelled', {});
    const file = await writeRun(folder, activations(256));
    const second = await submitRun(store, file, 2);
    await runStages(store, second, { folder, until: 'activations', most: 1 });
    const { against, stages } = explainDocument.parse((await cli('explain', 'small', '--json')).json());
    expect(against).toBe(1);
    const at = (dataset: string) => stages.find((s) => s.dataset === dataset);
    expect(at('small/tokens')).toMatchObject({ same: true, changes: [] });
    expect(at('small/activations/blocks.2.hook_resid_post')).toMatchObject({
      same: false,
      changes: [{ field: 'config.batchTokens', before: 512, after: 256 }],
    });
    expect(at('small/dict/top')).toMatchObject({ key: null });
    expect((await cli('explain', 'small')).out).toContain('    config.batchTokens: 512 → 256\n');
  });

  it('leaves the dictionary of the first one readable', async () => {
    expect((await cli('top', 'dict', '3', '--json')).code).toBe(0);
  });
});

describe('an index that is not whole', () => {
  it('serves features so far, with the coverage, and postings of the shards', async () => {
    const file = await writeRun(folder);
    const third = await submitRun(store, file, 3);
    await runStages(store, third, { folder, until: 'index', most: 1 });
    const result = await cli('sql', 'select count(*) from features', '--json');
    const { rows, coverage } = sqlDocument.parse(result.json());
    expect(rows).toEqual([[64]]);
    expect(coverage).toEqual([{ table: 'features', dataset: 'small/dict/top', shards: 1, planned: 2 }]);
    const [postings] = await sqlRows('select count(*) from postings');
    expect(postings).toEqual((await sqlRows('select sum(len(features)) from acts'))[0]);
  });
});

describe('rm and gc', () => {
  it('refuse while a run has not ended, and remove it then', async () => {
    const refused = await cli('rm', 'small');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('found it running; end it with `assay cancel small`');
    const collect = await cli('gc', '--apply');
    expect(collect.code).toBe(1);
    expect(collect.err).toContain('Expected no active run');
    const removal = rmDocument.parse((await cli('rm', 'small', '--force', '--json')).json());
    expect(removal.datasets).toContain('small/tokens');
    expect((await cli('datasets')).out).toBe('No datasets in this store yet.\n');
    expect((await cli('runs')).out).toBe('No runs in this store yet.\n');
    expect((await cli('status', 'small')).err).toContain('this store holds none yet');
  });
});
