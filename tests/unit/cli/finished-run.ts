// A run that the real stages have finished in a folder of the test file's own, and commands over it.
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import type { z } from 'zod';
import type { StageName } from '../../../schemas/stages.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli, type CliResult } from './harness.js';
import { runStages, submitRun, writeRun } from './pipeline.js';

export interface FinishedRun {
  /** Holds the run file and the store `data`. */
  readonly folder: string;
  /** A command over that store. */
  readonly cli: (...argv: string[]) => Promise<CliResult>;
  /** The one document that a command prints, checked. */
  readonly document: <S extends z.ZodType>(schema: S, ...argv: string[]) => Promise<z.infer<S>>;
}

/** The run named `small`, made once before the file's tests. To be called outside of tests and hooks. */
export function finishedRun(until: StageName = 'index'): FinishedRun {
  const folder = temporaryFolder('cli');
  beforeAll(async () => {
    const store = await openStore('file://./data', { base: folder });
    const run = await submitRun(store, await writeRun(folder));
    await runStages(store, run, { folder, until });
    await store.close();
  });
  const cli: FinishedRun['cli'] = (...argv) =>
    runCli([...argv, '--store', 'data'], { cwd: folder, environment: { ASSAY_CACHE: join(folder, 'cache') } });
  return {
    folder,
    cli,
    document: async (schema, ...argv) => {
      const result = await cli(...argv, '--json');
      expect(result, result.err).toMatchObject({ code: 0, err: `store file://${folder}/data (--store)\n` });
      return schema.parse(result.json());
    },
  };
}
