// Suites as text.
import type { z } from 'zod';
import type { suitePlanDocument } from '../../schemas/documents/runs.js';
import type { SuiteStatus } from '../../reading/runs/suite-status.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { stateText } from './progress-text.js';
import { counted, countText } from './quantities.js';

/** How many runs of a suite stand how, in one line. */
export function suiteLine({ suite, members, counts }: SuiteStatus): string {
  const done = counts['completed'] ?? 0;
  const others = ['running', 'paused', 'failed', 'cancelled', 'waiting']
    .filter((state) => (counts[state] ?? 0) > 0)
    .map((state) => `${String(counts[state])} ${state}`);
  return [`${suite}  ${done} of ${members.length} complete`, ...others].join(', ');
}

export function suiteStatusText(status: SuiteStatus): Text {
  const { suite, revision, state, reason, members } = status;
  const rows = members.map(({ run, state: one, stage, reason: why }) => [run, one, stage ?? '', why ?? '']);
  const head = `suite ${suite} (revision ${revision}) is ${stateText(state, reason)}`;
  return [
    head,
    suiteLine(status),
    '',
    textTable([{ title: 'run', whole: true }, { title: 'state' }, { title: 'stage' }, { title: 'why' }], rows),
  ];
}

export function suitePlanText({ suite, parallel, members }: z.input<typeof suitePlanDocument>): Text {
  const rows = members.map(({ run, steps, missing, bytes, seconds }) => [
    run,
    String(steps),
    missing === null ? '' : countText(missing),
    bytes === null ? '' : `${(bytes / 2 ** 20).toFixed(1)} MB`,
    seconds === null ? '' : `${Math.ceil(seconds)} s`,
  ]);
  const total = members.reduce((sum, member) => sum + (member.seconds ?? 0), 0);
  return [
    textTable(
      [
        { title: 'run', whole: true },
        ...['steps', 'items to do', 'bytes', 'time'].map((title) => ({ title, right: true })),
      ],
      rows,
    ),
    '',
    `suite ${suite}: ${counted(members.length, 'run')}, ${parallel} at once; about ${Math.ceil(total)} s of work on this machine if nothing were shared. What runs share by key is computed once. Nothing was written.`,
  ];
}
