// `assay status`: progress of one run, once or until it ends.
import { setTimeout as sleep } from 'node:timers/promises';
import { statusDocument, suiteStatusDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { readRunStatus, type RunStatus } from '../../reading/runs/run-status.js';
import { trainingSteps } from '../../reading/runs/training-steps.js';
import { readSuiteStatus, type SuiteStatus } from '../../reading/runs/suite-status.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { SuiteRecord } from '../../schemas/suite.js';
import { findSuite } from '../../storage/records/suites.js';
import type { RunRevision } from '../../storage/records/key-layout.js';
import { readResolvedRun } from '../../storage/records/resolved-runs.js';
import { findRun, hasEnded } from '../../storage/records/run-history.js';
import { defineCommand, type CommandContext } from '../command.js';
import { statusText } from '../render/run-text.js';
import { suiteStatusText } from '../render/suite-text.js';

interface StatusOptions {
  readonly run: string;
  readonly watch: boolean;
}

const LOOK_MS = 2000;

export const status = defineCommand({
  arguments: '<run>',
  description: 'progress by stage, from the store alone: done = commits, planned = the stored plan',
  examples: [
    ['assay status kjv', 'one look'],
    ['assay status kjv --watch', 'every two seconds until it ends or Ctrl-C'],
    ['assay status seeds', 'a suite: how each of its runs stands'],
  ],
  options: (command) => {
    command.option('--watch', 'print again every two seconds until the run ends', false);
  },
  request: ([run], flags: Omit<StatusOptions, 'run'>) => ({ ...flags, run }),
  run: showStatus,
});

async function showStatus(options: StatusOptions, context: CommandContext): Promise<number> {
  const { io, output } = context;
  const store = await context.openStore();
  const suite = await findSuite(store, options.run);
  if (suite) return suiteStatus(suite, options, context);
  const run = await findRun(store, options.run);
  const steps = output.json ? null : await stepsOf(store, run);
  const look = (): Promise<RunStatus> => readRunStatus(store, run);
  let found = await look();
  while (options.watch && !hasEnded(found.state) && !io.signal.aborted) {
    output.redraw(statusText(found, steps));
    await sleep(LOOK_MS, undefined, { signal: io.signal }).catch(() => undefined);
    found = await look();
  }
  output.result(statusDocument, found, () => statusText(found, steps));
  return io.signal.aborted ? EXIT.interrupted : EXIT.done;
}

/** Steps of a training in the run; null where they are not known, as of a training of language models. */
async function stepsOf(store: ObjectStore, run: RunRevision): Promise<number | null> {
  // What is wrong with a configuration is told by commands that need it.
  return readResolvedRun(store, run).then(trainingSteps, () => null);
}

async function suiteStatus(suite: SuiteRecord, options: StatusOptions, context: CommandContext): Promise<number> {
  const { memberNames } = await import('../../pipeline/files/matrix.js');
  const { io, output } = context;
  const store = await context.openStore();
  const look = (): Promise<SuiteStatus> => readSuiteStatus(store, suite, memberNames(suite));
  let found = await look();
  while (options.watch && !hasEnded(found.state) && !io.signal.aborted) {
    output.redraw(suiteStatusText(found));
    await sleep(LOOK_MS, undefined, { signal: io.signal }).catch(() => undefined);
    found = await look();
  }
  output.result(suiteStatusDocument, found, () => suiteStatusText(found));
  return io.signal.aborted ? EXIT.interrupted : EXIT.done;
}
