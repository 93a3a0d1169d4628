// A beat goes into the store in the form in which `status` reads it.
import { expect, it } from 'vitest';
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
