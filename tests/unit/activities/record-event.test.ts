// What a guard tells of a run is written only while nothing else has told its end or begun it anew, also when that happens in between.
import { expect, it } from 'vitest';
import { recordEventActivity } from '../../../activities/record-event.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { boundStore } from '../../../storage/objects/bound-store.js';
import { createMemoryStore } from '../../../storage/objects/memory-store.js';
import { appendEvent, readEvents } from '../../../storage/records/events.js';

const run = { name: 'small', revision: 1 };

/** Types of the events once the guard has told; `between` comes after it has looked. */
async function guarded(before: readonly string[], between?: string): Promise<string[]> {
  const store = createMemoryStore();
  const put = (type: string): Promise<unknown> =>
    appendEvent(store, run, { type, data: type === 'started' ? { execution: 'mine' } : {}, atMs: 1 });
  for (const type of before) await put(type);
  let pending = between;
  const racing = {
    ...boundStore(store, new AbortController().signal),
    putIfAbsent: async (...call: Parameters<typeof store.putIfAbsent>) => {
      const type = pending;
      pending = undefined;
      if (type !== undefined) await put(type);
      return store.putIfAbsent(...call);
    },
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const dependencies = { openStore: () => Promise.resolve(racing), log } as unknown as ActivityDependencies;
  const ref = { store: { url: 'memory://1', options: {} }, run: 'small', revision: 1 };
  await recordEventActivity({ ref, type: 'failed', data: {}, onlyIfOpen: 'mine' }, dependencies);
  return (await readEvents(store, run)).map(({ type }) => type);
}

it('a run that is open has failed', async () => {
  expect(await guarded(['started', 'paused'])).toEqual(['started', 'paused', 'failed']);
  expect(await guarded(['started'], 'limits')).toEqual(['started', 'limits', 'failed']);
});

it.each(['completed', 'cancelled', 'failed'])('a run that has told its end keeps it: %s', async (end) => {
  expect(await guarded(['started', end])).toEqual(['started', end]);
  expect(await guarded(['started'], end)).toEqual(['started', end]);
});

it('a run that began anew is let be', async () => {
  expect(await guarded(['started'], 'started')).toEqual(['started', 'started']);
});
