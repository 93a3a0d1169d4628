// Says what a command waits for, once a wait has become long; short ones stay silent.
import type { Output } from './output.js';

/** Time after which a wait is told. */
const SILENT_MS = 1000;

/** What `work` gives; the line is told on stderr where that takes longer than a second. */
export async function tellWait<T>(output: Pick<Output, 'note'>, line: string, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => output.note(line), SILENT_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
