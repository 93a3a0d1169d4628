// The lines of a run that is followed: steps that go side by side keep their own names and times, a stage of one step its own.
import { beforeAll, describe, expect, it } from 'vitest';
import { StepLines } from '../../../cli/orchestration/step-lines.js';
import type { ResolvedRun } from '../../../schemas/resolved-run.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { branchedRun } from './branched-run.js';

const folder = temporaryFolder('step-lines');
let run: ResolvedRun;
beforeAll(async () => {
  run = await branchedRun(folder);
});

const started = (stage: string, step: string, atMs: number): Parameters<StepLines['of']>[0] => ({
  ...{ type: 'stage-started', atMs, data: { stage, step, items: 3, planned: 4, lots: 2 } },
});
const finished = (stage: string, step: string, atMs: number): Parameters<StepLines['of']>[0] => ({
  ...{ type: 'stage-finished', atMs, data: { stage, step, committed: 3, planned: 4, quarantined: 1 } },
});

describe('lines of steps', () => {
  it('count the time of each step from its own start', () => {
    const lines = new StepLines(run);
    expect(lines.of(started('encode', 'encode@a', 1000))).toBe('encode@a     3 of 4 to do, 2 lots');
    lines.of(started('encode', 'encode@b', 5000));
    expect(lines.of(finished('encode', 'encode@a', 7500))).toBe('encode@a     done: 3 of 4, 1 quarantined in 6.5 s');
    expect(lines.of(finished('encode', 'encode@b', 7600))).toBe('encode@b     done: 3 of 4, 1 quarantined in 2.6 s');
  });

  it('call a stage of one step by its name alone, and leave out a time that was not seen', () => {
    const lines = new StepLines(run);
    expect(lines.of(started('tokens', 'tokens', 0))).toBe('tokens       3 of 4 to do, 2 lots');
    expect(lines.of(finished('corpus', 'corpus', 9000))).toBe('corpus       done: 3 of 4, 1 quarantined');
  });

  it('say where nothing is to do, and count one lot as one', () => {
    const lines = new StepLines(run);
    const event = (items: number, lots: number) => ({
      ...{ type: 'stage-started', atMs: 0, data: { stage: 'tokens', step: 'tokens', items, planned: 13, lots } },
    });
    expect(lines.of(event(0, 0))).toBe('tokens       nothing to do (13 planned)');
    expect(lines.of(event(13, 1))).toBe('tokens       13 of 13 to do, 1 lot');
  });

  it('say who paused once, and why where nobody did', () => {
    const paused = (reason: string): string | null =>
      new StepLines(run).of({ type: 'paused', atMs: 0, data: { stage: 'train', reason } });
    expect(paused('paused by a user')).toBe('paused by a user');
    expect(paused('2 of 9 shards are quarantined')).toBe('paused: 2 of 9 shards are quarantined');
  });

  it('name the stage where a release before had no steps', () => {
    const lines = new StepLines(run);
    const { data, ...event } = finished('encode', 'encode', 2000);
    const { step: _, ...without } = data;
    lines.of({ ...started('encode', 'encode', 1000), data: { stage: 'encode', items: 1, planned: 1, lots: 1 } });
    expect(lines.of({ ...event, data: without })).toBe('encode       done: 3 of 4, 1 quarantined in 1.0 s');
  });
});
