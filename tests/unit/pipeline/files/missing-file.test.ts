// A run file that is not there is named once: as it was given, and where that was looked for when it was given from a folder.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadRunFile } from '../../../../pipeline/files/load.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const folder = temporaryFolder('missing-file');

it('a whole path is said once, with what to do', async () => {
  const path = join(folder, 'nope.yaml');
  const error = await loadRunFile(path).catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toBe(
    `${path}: expected a run file (YAML or JSON), found no such file — correct the path`,
  );
});

it('a path from a folder is said with where it was looked for', async () => {
  const error = await loadRunFile('nope.yaml').catch((thrown: unknown) => thrown as Error);
  expect((error as Error).message).toMatch(/^nope\.yaml: .* — looked at \/.*nope\.yaml$/);
});
