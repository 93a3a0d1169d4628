// What status, logs and followed runs say of the work in hand: words and counted numbers, never the names and nulls of records.
import { describe, expect, it } from 'vitest';
import { eventsText } from '../../../cli/render/events-text.js';
import { progressParts, stateText } from '../../../cli/render/progress-text.js';
import { statusText } from '../../../cli/render/run-text.js';
import { suiteStatusText } from '../../../cli/render/suite-text.js';
import { layoutText } from '../../../cli/terminal/text.js';
import { trainingSteps } from '../../../reading/runs/training-steps.js';

describe('the work in hand', () => {
  it.each([
    [{ doing: null, rows: 1323008, step: 646 }, 1464, 'step 646 of 1,464'],
    [{ doing: 'reading', rows: 108544, step: 53 }, 1464, 'step 53 of 1,464, reading rows'],
    [{ doing: 'compiling' }, 1464, 'compiling its step'],
    [{ doing: null, step: 1646 }, null, 'step 1,646'],
    [{ step: 3, tokens: 12288, loss: 5.12345 }, null, 'step 3, loss 5.1235'],
    [{ tokens: 1234567 }, null, '1,234,567 tokens'],
    [{ rows: 1 }, null, '1 row'],
    [{ doing: 'what a later release may do', other: null }, null, ''],
  ])('%j is told in words', (progress, steps, expected) => {
    expect(progressParts(progress, steps).join(', ')).toBe(expected);
  });

  it('stands beside the training with its total', () => {
    const stage = { dataset: 'r/d/weights', key: 'a'.repeat(64), done: 0, planned: 1, quarantined: 0, rows: null };
    const status = {
      ...{ run: 'r', revision: 1, state: 'running' as const, reason: null, startedMs: 0, changedMs: 0 },
      ...{ beatAgeSeconds: 1, signOfLife: true, stages: [{ stage: 'train' as const, ...stage }] },
      beat: { atMs: 0, stage: 'train' as const, progress: { doing: null, rows: 1323008, step: 646 } },
    };
    const shown = layoutText(statusText(status, 1464), { columns: 80, colour: false });
    expect(shown).toContain('d/weights  (in hand: step 646 of 1,464)');
    expect(shown).not.toMatch(/null|doing/);
  });

  it('has the steps of a run only where its dictionaries agree', () => {
    const sae = (tokens: number) => ({ sae: { tokens, batchRows: 2048 } });
    const run = (...tokens: number[]) => ({ dictionaries: tokens.map(sae) }) as never;
    // 3,000,000 / 2,048 = 1,464.8
    expect(trainingSteps(run(3_000_000, 3_000_000))).toBe(1464);
    expect(trainingSteps(run(3_000_000, 4096))).toBeNull();
    expect(trainingSteps(run())).toBeNull();
  });
});

describe('the state of a run', () => {
  it.each([
    ['paused', 'paused by a user', 'paused by a user'],
    ['paused', '2 of 9 shards are quarantined', 'paused: 2 of 9 shards are quarantined'],
    ['running', null, 'running'],
  ])('%s because of %j reads as one sentence', (state, reason, expected) => {
    expect(stateText(state, reason)).toBe(expected);
  });

  it('is said once of suites, too', () => {
    const suite = { suite: 's', revision: 1, state: 'paused' as const, reason: 'paused by a user' };
    const status = { ...suite, startedMs: null, changedMs: null, counts: {}, members: [] };
    expect(layoutText(suiteStatusText(status), { columns: 80, colour: false })).toContain(
      'suite s (revision 1) is paused by a user\n',
    );
  });
});

describe('the events of a run', () => {
  it('leave out what is empty', () => {
    const data = { stage: 'train', details: {}, emptySplits: [], reason: null, note: '', items: 0 };
    expect(eventsText([{ atMs: 0, type: 'stage-finished', data }])).toBe(
      '1970-01-01 00:00:00Z  stage-finished  stage=train  items=0',
    );
  });

  it('name what lies in details, and list what is several', () => {
    const data = { stages: ['corpus', 'tokens'], details: { key: 'data/x', shard: { n: 3 } } };
    expect(eventsText([{ atMs: 0, type: 'failed', data }])).toBe(
      '1970-01-01 00:00:00Z  failed  stages=corpus,tokens  details.key=data/x  details.shard.n=3',
    );
  });

  it('say of a cancelled run that it was asked to end, and keep the error of one that failed', () => {
    const cancelled = { stage: 'train', error: 'CancelledFailure', message: 'Workflow cancelled', details: {} };
    expect(eventsText([{ atMs: 0, type: 'cancelled', data: cancelled }])).toBe(
      '1970-01-01 00:00:00Z  cancelled  stage=train  on request',
    );
    expect(eventsText([{ atMs: 0, type: 'failed', data: { error: 'DataError', message: 'm' } }])).toContain(
      'error=DataError  message=m',
    );
  });
});
