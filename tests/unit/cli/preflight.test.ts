// A run is refused before anything is written where the disk has no room, for the store or for workers, with the
// numbers.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkRoom } from '../../../cli/orchestration/preflight.js';
import { ResourceError } from '../../../schemas/errors.js';
import { workerBytes } from '../../../pipeline/plan/estimate.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { createFileStore } from '../../../storage/objects/file-store.js';
import { openMemoryStore } from '../../../storage/objects/memory-store.js';
import { TINY_LM } from '../../harness/fixtures.js';
import { tinyRun } from '../../harness/tiny-run.js';

/** A place that does not exist in a folder that does. */
const PLACE = path.join(TINY_LM, 'not', 'there');
let run: ResolvedRun;

beforeAll(async () => {
  run = await tinyRun();
});

/** Answers for folders that exist and notes which were asked. */
function disk(free: number): {
  readonly asked: string[];
  readonly free: (folder: string) => Promise<number>;
} {
  const asked: string[] = [];
  return {
    asked,
    free: async (folder) => {
      asked.push(folder);
      await readFile(folder).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
      });
      return free;
    },
  };
}

async function refusal(work: Promise<unknown>): Promise<ResourceError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ResourceError);
  return error as ResourceError;
}

describe('room on the disk', () => {
  it('that is too small for a local store is told with both numbers and the place, before anything is written', async () => {
    const input = { store: createFileStore(PLACE), run, folder: TINY_LM, workerFolder: null };
    const error = await refusal(checkRoom(input, disk(10 * 2 ** 20).free));
    expect(error.message).toMatch(
      /^Expected about \d{3,4}\.\d MB free for the store in .*not\/there, found 10\.0 MB\. Free space, .*`assay plan`/,
    );
    expect(error.details).toMatchObject({ path: PLACE, free: 10 * 2 ** 20 });
    expect(error.exitCode).toBe(1);
  });

  it('is asked of the nearest folder that exists', async () => {
    const { asked, free } = disk(1e12);
    await checkRoom({ store: createFileStore(PLACE), run, folder: TINY_LM, workerFolder: null }, free);
    expect(asked).toEqual([PLACE, path.dirname(PLACE), TINY_LM]);
  });

  it('is asked of the workers too where they are on this machine, whatever the store', async () => {
    const input = {
      store: openMemoryStore('memory://room'),
      run,
      folder: TINY_LM,
      workerFolder: TINY_LM,
    };
    const error = await refusal(checkRoom(input, disk(1000).free));
    expect(error.message).toContain("free for the workers' files in");
    expect(error.details).toMatchObject({ needed: workerBytes(run), free: 1000 });
    await checkRoom(input, disk(workerBytes(run)).free);
    await checkRoom({ ...input, workerFolder: null }, disk(0).free);
  });

  it('is needed for about what the run stores: activations above all', async () => {
    const input = { store: createFileStore(PLACE), run, folder: TINY_LM, workerFolder: null };
    const { details } = await refusal(checkRoom(input, disk(0).free));
    // 1.27 million tokens of 128 halves and their keys.
    const activations = 1.27e6 * (128 * 2 + 8);
    expect(details['needed']).toBeGreaterThan(activations * 0.7);
    expect(details['needed']).toBeLessThan(activations * 2.5);
  });
});
