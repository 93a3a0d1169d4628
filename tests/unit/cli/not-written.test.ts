// Commands on a dictionary whose run has not written anything of it say that, and how to see how far the run is.
import { beforeAll, expect, it } from 'vitest';
import { openStore } from '../../../storage/objects/open-store.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';
import { submitRun, writeRun } from './pipeline.js';

const folder = temporaryFolder('not-written');
beforeAll(async () => {
  const store = await openStore('file://./data', { base: folder });
  await submitRun(store, await writeRun(folder));
  await store.close();
});

it.each([
  ['metrics', 'small/dict'],
  ['metrics', 'dict'],
  ['top', 'small/dict', '7'],
  ['find', 'dict', 'In the beginning'],
])('%s %s', async (...argv) => {
  const { code, out, err } = await runCli([...argv, '--store', 'data'], { cwd: folder });
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(
    'nothing of small/dict is written yet, neither metrics nor features; how far its run is shows `assay status small`.',
  );
});

it('a name that no run has either is none, with the nearest', async () => {
  for (const given of ['small/dikt', 'dikt', 'smal/dict']) {
    const { code, err } = await runCli(['metrics', given, '--store', 'data'], { cwd: folder });
    expect(code).toBe(2);
    expect(err).toContain(`Expected the name of a dictionary, found "${given}", which is none`);
  }
});
