// What a run's stored events say, read from the project's store by the test itself: cheaper than a command for each look.
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '../../../schemas/records.js';
import { readEvents } from '../../../storage/records/events.js';
import type { Project } from './project.js';

const LOOK_MS = 100;

/** The events of a run's first revision. */
export async function eventsOf(project: Project, run = 'small'): Promise<RunEvent[]> {
  const store = await project.openStore();
  try {
    return await readEvents(store, { name: run, revision: 1 });
  } finally {
    await store.close();
  }
}

/** Waits until an event of that type names the step (or the stage). @throws after `seconds` */
export async function untilEvent(
  project: Project,
  type: string,
  { step, run = 'small', seconds = 200 }: { readonly step: string; readonly run?: string; readonly seconds?: number },
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const events = await eventsOf(project, run);
    if (events.some((e) => e.type === type && (e.data['step'] === step || e.data['stage'] === step))) return;
    if (Date.now() > deadline) throw new Error(`${run}: no ${type} of ${step} within ${seconds} s`);
    await sleep(LOOK_MS);
  }
}
