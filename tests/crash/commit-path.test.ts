// A process is killed before and after every step of the commit path on a folder: the data come out the same, nothing
// is left lying, and no step is without a kill.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CRASH_STEPS } from '../../storage/objects/crash-points.js';
import { openStore } from '../../storage/objects/open-store.js';
import { crashEverywhere } from './crash-everywhere.js';
import { temporaryFolder } from '../harness/temporary-folder.js';

const folder = temporaryFolder('crash');

describe('the commit path on a folder', () => {
  it('gives the same data after a kill before and after every step, whenever it is passed', async () => {
    const passed = await crashEverywhere({
      folder,
      url: (name) => `file://${join(folder, name)}`,
      open: (name) => openStore(join(folder, name)),
      check: async (name) => {
        const left = await readdir(join(folder, name, '.assay-tmp'));
        // The room for the events of a full disk stays.
        expect(
          left.filter((one) => one !== 'reserve'),
          `temporary files after ${name}`,
        ).toEqual([]);
      },
      remove: (name) => rm(join(folder, name), { recursive: true }),
    });
    const all = CRASH_STEPS.flatMap((step) => [`${step}.before`, `${step}.after`]);
    expect(all.filter((point) => !passed.includes(point))).toEqual([]);
  });
});
