// What is said wherever a dictionary is printed that does not beat what it is compared with. Pure.
import type { z } from 'zod';
import type { unbeatenList } from '../../schemas/documents/unbeaten.js';
import { controlTitle } from './evaluation-text.js';

type Unbeaten = z.infer<typeof unbeatenList>;

/** Null where it beats every control, or was not compared with any. */
export function unbeatenNote(dictionary: string, found: Unbeaten): string | null {
  if (found.length === 0) return null;
  const what = found.map(
    ({ control, verdict }) => `${verdict === 'worse' ? 'loses to' : 'is not shown to beat'} ${controlTitle(control)}`,
  );
  return `NOT BETTER: ${dictionary} ${what.join(', ')} at equal L0; \`assay metrics ${dictionary}\` shows by how much.`;
}
