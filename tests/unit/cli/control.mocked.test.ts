// A run that ends between the look at it and the word to it is told like one that was not active at all. Temporal's answers are played.
import { WorkflowNotFoundError } from '@temporalio/client';
import { beforeAll, expect, it, vi } from 'vitest';
import { cancel, pause, set, unpause } from '../../../cli/orchestration/control.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { claimStoreId } from '../../../storage/records/identity.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';

const ended = vi.hoisted(() => ({ error: null as Error | null }));
vi.mock('../../../cli/orchestration/temporal-client.js', async (original) => ({
  ...(await original<object>()),
  withTemporal: (_: unknown, body: (client: unknown, at: unknown) => Promise<unknown>) => {
    const gone = (): Promise<never> => Promise.reject(ended.error ?? new Error('not set'));
    const describe = () => Promise.resolve({ status: { name: 'RUNNING' }, memo: {} });
    return body({ workflow: { getHandle: () => ({ describe, signal: gone, cancel: gone }) } }, {});
  },
}));

const folder = temporaryFolder('control');
beforeAll(async () => {
  ended.error = new WorkflowNotFoundError('workflow execution already completed', 'run/x/one', undefined);
  const store = await openStore('file://./data', { base: folder });
  await claimStoreId(store);
});

it.each([
  ['pause', pause],
  ['unpause', unpause],
  ['cancel', cancel],
  [
    'set',
    (_: { run: string }, context: Parameters<typeof set>[1]) =>
      set({ run: 'one', window: 2, tolerance: undefined }, context),
  ],
] as const)('%s', async (name, tell) => {
  const argv = [name, 'one', ...(name === 'set' ? ['--window', '2'] : []), '--store', 'data'];
  const act = (context: Parameters<typeof cancel>[1]): Promise<number> => tell({ run: 'one' }, context);
  const { code, err } = await runCli(argv, { cwd: folder, act });
  expect({ code, err }).toMatchObject({ code: 2 });
  expect(err).toContain('Run "one" is not active in file://');
  expect(err).toContain('`assay resume one` starts it again');
});
