// A run that no Temporal server takes makes no store: a mistyped name leaves nothing behind that later looks like one. The wait for
// the server is told, and so is a store that would be new.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createSchedule } from '../../../cli/orchestration/schedule-create.js';
import type { ScheduleCreateOptions } from '../../../cli/orchestration/requests.js';
import { run } from '../../../cli/orchestration/submit.js';
import { findFreePort } from '../../../servers/server-process.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';
import { writeRun } from './pipeline.js';

const folder = temporaryFolder('new-store');

async function nobody(): Promise<Record<string, string>> {
  return { TEMPORAL_ADDRESS: `127.0.0.1:${await findFreePort()}` };
}

it('run without a Temporal server leaves no folder', { timeout: 60_000 }, async () => {
  const file = await writeRun(folder);
  const environment = await nobody();
  const result = await runCli(['run', file, '--store', './dta'], {
    ...{ cwd: folder, environment },
    act: (context) => run({ file, follow: false, workers: undefined, limit: undefined, until: undefined }, context),
  });
  expect(result.code).toBe(3);
  expect(result.err).toContain(`store file://${folder}/dta (--store, new)\n`);
  expect(result.err).toContain(
    `waiting for a Temporal server at ${environment['TEMPORAL_ADDRESS'] ?? ''}, at most 5 s`,
  );
  expect(result.err).toContain('No Temporal server answers');
  expect(await readdir(folder)).toEqual(['corpus.jsonl.gz', 'run.yaml']);
});

it('nor does schedule create, whose file leaves its store to the default', { timeout: 60_000 }, async () => {
  const own = path.join(folder, 'scheduled');
  const file = await writeRun(own, (yaml) =>
    yaml.replace('name: small', "name: 'small-{{date}}'").replace('store: file://./data\n', ''),
  );
  const options = { file, cron: '0 2 * * *', timeZone: 'UTC', overlap: 'skip', jitterMs: 0, paused: false };
  const result = await runCli(['schedule', 'create', file, '--cron', '0 2 * * *'], {
    ...{ cwd: own, environment: await nobody() },
    act: (context) => createSchedule(options as unknown as ScheduleCreateOptions, context),
  });
  expect(result.code).toBe(3);
  expect(result.err).toMatch(/^store file:\/\/\S+ \(the default, beside the file, new\)\n/);
  expect(await readdir(own)).toEqual(['corpus.jsonl.gz', 'run.yaml']);
});
