// A shard that comes out differently when everything is computed anew is named in the run's events, where `assay logs` shows it; what
// is stored stays. The stage and its commit are played here.
import { expect, it, vi } from 'vitest';
import { createLotWork, type LotWorkInput } from '../../../../pipeline/lot/lot-work.js';
import type { WorkItem } from '../../../../stages/stage.js';
import { createMemoryStore } from '../../../../storage/objects/memory-store.js';
import { readEvents } from '../../../../storage/records/events.js';

const KEY = 'a'.repeat(64);
const INPUT = 'b'.repeat(64);

vi.mock('../../../../stages/table.js', () => ({
  STAGE_TABLE: {
    encode: { run: () => Promise.resolve({ finished: true, outputs: [{ key: KEY, files: [], engine: null }] }) },
  },
}));
vi.mock('../../../../storage/records/commits.js', async (original) => ({
  ...(await original<object>()),
  getCommit: () => Promise.resolve({ objects: [{ table: 'acts', sha256: 'c'.repeat(64) }], engine: null }),
}));

it('is named with stage, key and input, and at most ten times by one lot', async () => {
  const store = createMemoryStore();
  const items = Array.from({ length: 12 }, (_, i) => ({
    item: { keys: [KEY], input: INPUT, inputs: {}, shard: `s-${i}`, split: null } as unknown as WorkItem,
    config: null,
  }));
  const signal = new AbortController().signal;
  const work = createLotWork({
    ...{ store, stage: 'encode', mode: 'all', ref: { run: 'mine', revision: 1 }, items, recomputation: 'r' },
    ...{ signal, stop: signal, onProgress: () => undefined, onCursor: () => undefined },
    dependencies: { cacheFor: () => ({}), children: {}, version: '0' },
  } as unknown as LotWorkInput);
  for (const { item } of items) expect((await work.runItem(item, '')).different).toBe(1);
  const events = await readEvents(store, { name: 'mine', revision: 1 });
  expect(events).toHaveLength(10);
  expect(events[0]).toMatchObject({
    type: 'shard-differs',
    data: { stage: 'encode', shard: 's-0', key: KEY, input: INPUT },
  });
});
