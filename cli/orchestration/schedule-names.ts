// What the commands on schedules share: how Temporal calls them, and what is said of what was done.
import type { z } from 'zod';
import { scheduleActionDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import type { CommandContext } from '../command.js';

/** Before every id, so that other schedules of a namespace are left alone. */
export const SCHEDULE_PREFIX = 'assay/';

export function sayAction(
  context: CommandContext,
  document: z.input<typeof scheduleActionDocument>,
  line: string,
): number {
  context.output.result(scheduleActionDocument, document, () => line);
  return EXIT.done;
}
