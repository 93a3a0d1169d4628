// A configuration that another user left in a folder above does not choose where this user's results go.
import { chown, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findLocalConfig, foreignConfigs } from '../../../cli/local-config.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';

async function configIn(folder: string, store: string): Promise<string> {
  const file = path.join(folder, '.assay', 'config.json');
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify({ formatVersion: 1, store }));
  return file;
}

it.runIf(process.getuid?.() === 0)('is passed over with a word, and the next own one above it is taken', async () => {
  const above = temporaryFolderOfTest('foreign');
  const own = path.join(above, 'shared');
  const start = path.join(own, 'mine', 'deep');
  await mkdir(start, { recursive: true });
  await configIn(above, 'file:///above');
  const foreign = await configIn(own, 'file:///theirs');
  expect((await findLocalConfig(start))?.config.store).toBe('file:///theirs');
  await chown(foreign, 12_345, 12_345);
  expect(await findLocalConfig(start)).toMatchObject({ folder: above, config: { store: 'file:///above' } });
  expect(await foreignConfigs(start)).toEqual([foreign]);
  const { err } = await runCli(['datasets'], { cwd: start });
  expect(err).toContain(`${foreign} is another user's and is passed over; take it over with chown, or name --store.`);
});

it.runIf(process.getuid !== undefined)('is known by its owner; root is trusted, the owner too', async () => {
  const folder = temporaryFolderOfTest('foreign');
  const me = process.getuid?.() ?? 0;
  const file = await configIn(folder, 'file:///x');
  if (me === 0) await chown(file, 12_345, 12_345);
  const owner = me === 0 ? 12_345 : me;
  expect(await foreignConfigs(folder, owner + 1)).toEqual([file]);
  expect(await foreignConfigs(folder, owner)).toEqual([]);
});
