// Whatever is wrong with a document, neither its text nor anything large leaves an activity: not in the failure that Temporal keeps,
// not in the worker's log, not in the run's events. A value of 5 MB is an error of its own, not the end of a worker.
import { DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, it, vi } from 'vitest';
import { createActivities } from '../../../activities/create-activities.js';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { appendEvent, readEvents } from '../../../storage/records/events.js';
import { createLog } from '../../../workers/log.js';
import { folderWith, jsonLines, runSource } from '../stages/corpus/run-part.js';

vi.mock('@temporalio/activity', async (original) => ({
  ...(await original<object>()),
  Context: {
    current: () => ({
      heartbeat: () => undefined,
      info: { attempt: 1, activityType: 'runLot' },
      cancellationSignal: new AbortController().signal,
    }),
  },
}));

const SECRET = 'The patient in room nine has told nobody';
const LARGE = SECRET.repeat(130_000);
/** What Temporal takes of one failure without complaint, with much room. */
const MAX_FAILURE_BYTES = 40_000;

const good = jsonLines([{ id: 'good', text: 'x', split: 'fit' }]);
const CASES: readonly (readonly [what: string, line: string, changes: object])[] = [
  ['a broken line', `{"id": "b", "text": "${SECRET}`, {}],
  ['a broken line without quotation marks', `${SECRET} ${SECRET}`, {}],
  ['a line that is a text', JSON.stringify(SECRET), {}],
  ['a line that is a list', JSON.stringify([SECRET]), {}],
  ['an id that is a text', JSON.stringify({ id: LARGE.slice(0, 5000), text: 'x' }), {}],
  ['an id that is a list', JSON.stringify({ id: [SECRET], text: 'x' }), {}],
  ['a text that is a list', JSON.stringify({ id: 'b', text: [SECRET] }), {}],
  ['a text that is an object', JSON.stringify({ id: 'b', text: { [SECRET]: SECRET } }), {}],
  ['half a surrogate pair', `{"id": "b", "text": "${SECRET} \\ud800"}`, {}],
  ['a split of 5 MB', JSON.stringify({ id: 'b', text: 'x', split: LARGE }), { split: { field: 'split' } }],
  [
    'a split that is an object',
    JSON.stringify({ id: 'b', text: 'x', split: { a: SECRET } }),
    { split: { field: 'split' } },
  ],
  [
    'half a character',
    Buffer.concat([Buffer.from(`{"id":"b","text":"${SECRET} `), Buffer.from([0xc3])]).toString('latin1'),
    {},
  ],
];

/** What an activity gives to Temporal and to the log when it fails with this error. */
async function leaves(error: unknown): Promise<{ readonly failure: Uint8Array; readonly log: string }> {
  const lines: string[] = [];
  const dependencies = {
    openStore: () => Promise.reject(error instanceof Error ? error : new TypeError(String(error))),
    log: createLog({ level: 'debug', hostId: 'h' }, (line) => lines.push(line)),
  };
  const activities = createActivities(dependencies as unknown as ActivityDependencies);
  const ref = { store: { url: 'file:///s', options: {} }, run: 'r', revision: 1 };
  const thrown: unknown = await activities
    .planStage({ ref, stage: 'corpus', mode: 'missing' })
    .catch((e: unknown) => e);
  const failure = new DefaultFailureConverter().errorToFailure(thrown, defaultPayloadConverter);
  const payloads = (failure.applicationFailureInfo?.details?.payloads ?? []).map(({ data }) => Buffer.from(data ?? []));
  return { failure: Buffer.concat([Buffer.from(JSON.stringify(failure)), ...payloads]), log: lines.join('\n') };
}

describe('the error of', () => {
  it.each(CASES)('%s leaves its activity bounded and without the text', async (_, line, changes) => {
    const body = Buffer.concat([
      Buffer.from(good),
      Buffer.from(line, line.includes('Ã') ? 'latin1' : 'utf8'),
      Buffer.from('\n'),
    ]);
    const folder = await folderWith({ 'a.jsonl': body });
    const error: unknown = await runSource(folder, 'a.jsonl', changes).catch((thrown: unknown) => thrown);
    const message = (error as Error).message;
    expect(message).toMatch(/a\.jsonl:2: expected/);
    const { failure, log } = await leaves(error);
    expect(Buffer.from(failure).toString()).toContain('a.jsonl:2');
    for (const left of [Buffer.from(failure).toString(), log]) {
      expect(left).not.toContain('patient');
      expect(Buffer.byteLength(left)).toBeLessThan(MAX_FAILURE_BYTES);
    }
    const store = await openStore('memory://events');
    const run = { name: 'r', revision: 1 };
    await appendEvent(store, run, {
      type: 'failed',
      data: { message, details: (error as { details: object }).details },
      atMs: 0,
    });
    const events = JSON.stringify(await readEvents(store, run));
    expect(events).not.toContain('patient');
    expect(Buffer.byteLength(events)).toBeLessThan(MAX_FAILURE_BYTES);
    await store.close();
  });

  it('another program that quotes a text leaves its activity without the quotation', async () => {
    const { failure, log } = await leaves(new SyntaxError(`Unexpected token 'T', "${SECRET}" is not valid JSON`));
    expect(Buffer.from(failure).toString() + log).not.toContain('patient');
  });
});

describe('the log', () => {
  it('of anything that is told is bounded, an error beneath an error too', () => {
    const lines: string[] = [];
    const log = createLog({ level: 'info', hostId: 'h' }, (line) => lines.push(line));
    const cause = new SyntaxError(`"${SECRET}" is not valid JSON`);
    log.warn({ shard: 's', value: LARGE, error: new Error(`found "${SECRET}"`, { cause }) }, LARGE);
    expect(lines).toHaveLength(1);
    expect(Buffer.byteLength(lines[0] ?? '')).toBeLessThan(MAX_FAILURE_BYTES);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      shard: 's',
      host: 'h',
      error: { type: 'Error', cause: { type: 'SyntaxError' } },
    });
    expect(JSON.stringify((JSON.parse(lines[0] ?? '') as { error: object }).error)).not.toContain('patient');
  });
});
