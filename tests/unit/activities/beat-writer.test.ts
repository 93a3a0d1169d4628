// A beat goes into the store in the form in which `status` reads it.
import { expect, it, vi } from 'vitest';
import { BeatWriter } from '../../../activities/beat-writer.js';
import { beatRecord } from '../../../schemas/records.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { getBeat } from '../../../storage/records/runs.js';

it('a beat is stored as status reads it, with the step of the training in hand', async () => {
  const store = await openStore('memory://beats');
  const ref = { store: { url: store.url, options: {} }, run: 'r', revision: 1 };
  const writer = new BeatWriter({ ...{ store, ref, stage: 'train', lot: 0, hostId: 'here' } });
  writer.tick();
  await writer.close();
  writer.update({ step: 812, rows: 5 });
  writer.tick();
  await writer.close();
  const beat = await getBeat(store, { name: 'r', revision: 1 }, beatRecord);
  expect(beat).toMatchObject({
    stage: 'train',
    worker: `here/${process.pid}`,
    progress: { step: 812, rows: 5 },
  });
  await store.close();
});

it('beats come every 2 s at first, every 15 s in long work, and at once where a training begins something else', async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    const store = await openStore('memory://rare-beats');
    const ref = { store: { url: store.url, options: {} }, run: 'r', revision: 1 };
    const writer = new BeatWriter({ ...{ store, ref, stage: 'train', lot: 0, hostId: 'here' } });
    const told: number[] = [];
    for (let second = 0; second <= 300; second++) {
      if (second === 200) writer.update({ doing: 'reading' });
      writer.tick();
      await writer.close();
      const { atMs } = (await getBeat(store, { name: 'r', revision: 1 }, beatRecord)) ?? { atMs: 0 };
      const at = (atMs - 1_000_000) / 1000;
      if (at !== told.at(-1)) told.push(at);
      vi.advanceTimersByTime(1000);
    }
    expect(told.slice(0, 4)).toEqual([0, 2, 4, 6]);
    expect(told).toContain(200);
    const last = told.slice(-3);
    expect(last.slice(1).map((at, i) => at - (last[i] ?? 0))).toEqual([15, 15]);
  } finally {
    vi.useRealTimers();
  }
});
