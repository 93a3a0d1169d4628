// Schedules lie in Temporal, which no collector asks. What they will use, their templates, is kept by a record of the store for as
// long as the schedule is there.
import { z } from 'zod';
import type { ObjectStore } from '../objects/object-store.js';
import type { ScheduledInput } from '../../schemas/messages.js';
import { escapeSegment } from './key-layout.js';
import { createRecord } from './record-io.js';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const scheduleRootRecord = z.strictObject({
  formatVersion: z.literal(1),
  schedule: z.string(),
  template: z.strictObject({ key: z.string(), sha256: digest, bytes: z.number().int().nonnegative() }),
});
export type ScheduleRoot = Omit<z.infer<typeof scheduleRootRecord>, 'formatVersion'>;

/** @param name of the record among those of the schedule's id: several Temporal servers may know one id */
function rootKey(schedule: string, name: string): string {
  return `schedules/${escapeSegment(schedule)}/${escapeSegment(name)}.json`;
}

/** Name of a schedule's record; one of an earlier release has none until it starts its next run. */
export function rootOf(input: Pick<ScheduledInput, 'root' | 'template'>): string {
  return input.root ?? input.template.sha256;
}

/** Keeps what the schedule uses. Safe to repeat. */
export async function keepSchedule(store: ObjectStore, name: string, root: ScheduleRoot): Promise<void> {
  const value = { formatVersion: 1 as const, ...root };
  await createRecord(store, { key: rootKey(root.schedule, name), value, schema: scheduleRootRecord });
}

/** Lets it go, when the schedule is gone. */
export async function releaseSchedule(store: ObjectStore, name: string, schedule: string): Promise<void> {
  await store.delete(rootKey(schedule, name));
}
