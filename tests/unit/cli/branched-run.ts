// A run whose steps branch: two sites, dictionaries a and b of the first, c of the second.
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import { submitRun, writeRun } from './pipeline.js';

export const SITES = ['blocks.1.hook_resid_post', 'blocks.2.hook_resid_post'] as const;

/** The run as it is stored; its file is written into `folder`. @param edit of its text */
export async function branchedRun(
  folder: string,
  edit: (yaml: string) => string = (yaml) => yaml,
): Promise<ResolvedRun> {
  const branch = (yaml: string): string =>
    yaml
      .replace(/hooks: \[.*?\]/, `hooks: [${SITES.join(', ')}]`)
      .replace(/ {2}- \{ name: dict.*\n/, (line) =>
        ['a', 'b', 'c'].map((name, i) => line.replace('dict', name).replace(SITES[1], SITES[i === 2 ? 1 : 0])).join(''),
      );
  const file = await writeRun(folder, (yaml) => edit(branch(yaml)));
  return submitRun(createMemoryStore(), file);
}
