// What a schedule or a suite allows to workers includes what its corpora link to: their folders are read through links, and a worker
// judges every part by where it really lies.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { withLinks } from '../../../cli/orchestration/linked-places.js';
import { allowListed, type AllowList } from '../../../pipeline/allowed/allow-list.js';
import { listParts } from '../../../stages/corpus/parts.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

const allowing = (sources: readonly string[]): AllowList =>
  allowListed(() => Promise.resolve({ stores: [], sources: [...sources] }));

it('parts behind links, also links behind links and in a circle, may be read; what nothing links to may not', async () => {
  const folder = temporaryFolderOfTest('linked');
  const at = (...names: string[]): string => path.join(folder, ...names);
  for (const name of ['corpus', 'blobs', 'more', 'other']) await mkdir(at(name));
  for (const name of ['blobs/1', 'more/b.jsonl', 'other/c.jsonl'])
    await writeFile(at(name), `{"id":"${name}","text":"t"}\n`);
  await symlink(at('blobs/1'), at('corpus/a.jsonl'));
  await symlink(at('more'), at('corpus/more'));
  await symlink(at('corpus'), at('more/circle'));
  const parts = await listParts(['corpus'], { baseFolder: folder, format: 'auto' });
  const places = parts.map(({ location }) => location);
  expect(places).toEqual([at('corpus/a.jsonl'), at('corpus/more/b.jsonl')]);
  await expect(allowing([at('corpus')]).assertSources(places)).rejects.toThrow('may not read');
  const allowed = allowing(await withLinks([at('corpus'), 's3://bucket/corpus', at('nowhere')]));
  await expect(allowed.assertSources(places)).resolves.toBeUndefined();
  await expect(allowed.assertSources([at('other/c.jsonl')])).rejects.toThrow('may not read');
});
