// How runs look to a person: their list, one run's progress, its quarantined shards. Pure.
import type { z } from 'zod';
import type { explainDocument, quarantineDocument, runsDocument } from '../../schemas/documents/runs.js';
import { LIMITS } from '../../schemas/orchestration.js';
import type { RunStatus } from '../../reading/runs/run-status.js';
import { textTable, type TextTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { progressParts, stateText } from './progress-text.js';
import { counted, countText, durationText, timeText } from './quantities.js';

const STALE_SECONDS = LIMITS.staleBeatMs / 1000;

/** One line per run. */
export function runsText(runs: z.infer<typeof runsDocument>): Text {
  if (runs.length === 0) return 'No runs in this store yet.';
  const columns = [
    { title: 'run', whole: true },
    { title: 'rev', right: true, spare: 1 },
    { title: 'state' },
    { title: 'stage' },
    { title: 'started', spare: 2 },
    { title: 'last change' },
  ];
  const rows = runs.map((run) => [
    run.run,
    String(run.revision),
    run.state,
    run.stage ?? '',
    run.startedMs === null ? '' : timeText(run.startedMs),
    run.changedMs === null ? '' : timeText(run.changedMs),
  ]);
  return [textTable(columns, rows)];
}

/**
 * The run's state, one line per stage, and a warning where nobody works on it.
 * @param steps of each dictionary's training; null where it is not known
 */
export function statusText(status: RunStatus, steps: number | null = null): Text {
  const lines = [`${status.run} (revision ${status.revision}) is ${stateText(status.state, status.reason)}`];
  if (!status.signOfLife) lines.push(silenceText(status));
  return [...lines, stageTable(status, steps)];
}

function silenceText({ beatAgeSeconds, run }: RunStatus): string {
  const silence =
    beatAgeSeconds === null
      ? `no worker gave a sign of life yet, more than ${STALE_SECONDS} s after the last event`
      : `no sign of life for ${Math.round(beatAgeSeconds)} s`;
  return `warning: ${silence}; is a worker running? \`assay resume ${run}\` goes on with it.`;
}

interface StageLine {
  readonly stage: string;
  readonly names: string[];
  readonly done: number;
  readonly planned: number | null;
  readonly quarantined: number;
}

/** Datasets of one stage key stand in one line: they are made of the same commits. */
function stageTable(status: RunStatus, steps: number | null): TextTable {
  const lines = new Map<string, StageLine>();
  for (const { stage, dataset, key, done, planned, quarantined } of status.stages) {
    const name = dataset.slice(status.run.length + 1);
    const group = `${stage}/${key ?? name.slice(0, Math.max(name.lastIndexOf('/'), 0))}`;
    const line = lines.get(group);
    if (line) line.names.push(name);
    else lines.set(group, { stage, names: [name], done, planned, quarantined });
  }
  const some = [...lines.values()].some(({ quarantined }) => quarantined > 0);
  const columns = [
    { title: 'stage' },
    { title: 'done', right: true },
    { title: 'planned', right: true },
    { title: '', right: true, spare: 1 },
    // Nothing is lost where all are 0.
    { title: 'quarantined', right: true, spare: some ? 0 : 2 },
    { title: 'datasets', whole: true },
  ];
  const rows = [...lines.values()].map((line) => [
    line.stage,
    countText(line.done),
    line.planned === null ? '?' : countText(line.planned),
    shareText(line),
    countText(line.quarantined),
    line.names.join(', ') + progressOf(status, line, steps),
  ]);
  return textTable(columns, rows);
}

function shareText({ done, planned }: StageLine): string {
  return planned === null || planned === 0 ? '' : `${Math.floor((100 * done) / planned)} %`;
}

function progressOf({ beat, state }: RunStatus, line: StageLine, steps: number | null): string {
  const working = state === 'running' && beat?.stage === line.stage && line.done !== line.planned;
  const parts = working ? progressParts(beat.progress, line.stage === 'train' ? steps : null) : [];
  return parts.length === 0 ? '' : `  (in hand: ${parts.join(', ')})`;
}

/** Each shard with its error below it. */
export function quarantineText({ run, shards }: z.infer<typeof quarantineDocument>, nowMs: number): string {
  if (shards.length === 0) return `No shard of ${run} is quarantined.`;
  const entries = shards.map(
    (shard) =>
      `${shard.stage}  ${shard.shard}  ${counted(shard.attempts, 'attempt')}, ${durationText((nowMs - shard.atMs) / 1000)} ago\n    ${shard.errorClass}: ${shard.message}`,
  );
  return [...entries, `Try them again with: assay resume ${run} --mode errored`].join('\n');
}

/** Each stage with its key and what changed; datasets of one key share what it is made of. */
export function explainText(explanation: z.infer<typeof explainDocument>): string {
  const { run, revision, against, stages } = explanation;
  const heading =
    against === null
      ? `${run} revision ${revision}; there is no earlier revision to compare it with`
      : `${run} revision ${revision} against revision ${against}`;
  const sources = explanation.sources.map(({ location, change }) => `    ${location}: ${SOURCE_CHANGES[change]}`);
  const told = new Set<string>();
  const lines = stages.map((stage) => {
    const head = `${stage.stage}  ${stage.dataset}  ${stage.key?.slice(0, 12) ?? '…'}  ${verdictText(stage, against)}`;
    if (stage.key !== null && told.has(stage.key)) return head.trimEnd();
    told.add(stage.key ?? '');
    const changes = stage.changes.map(
      ({ field, before, after }) => `    ${field}: ${valueText(before)} → ${valueText(after)}`,
    );
    if (stage.stage === 'corpus') changes.push(...sources);
    return [head.trimEnd(), ...changes, ...(against === null ? configLines(stage.config) : [])].join('\n');
  });
  return [heading, ...lines].join('\n');
}

type ExplainedStage = z.infer<typeof explainDocument>['stages'][number];

const SOURCE_CHANGES = { new: 'a new source', other: 'its content is another', gone: 'no longer a source' };

function verdictText({ key, before, same, input }: ExplainedStage, against: number | null): string {
  if (key === null) return 'known after earlier stages';
  if (against === null) return '';
  if (!same) return before === null ? 'not there before' : 'new key';
  if (input === 'same') return 'same key, same input: nothing is computed again';
  return input === 'other'
    ? 'same key, other input: what is new in it is computed'
    : 'same key: what its input brings anew is computed';
}

function configLines(config: unknown): string[] {
  const inner = typeof config === 'object' && config !== null ? (config as Record<string, unknown>)['config'] : null;
  if (typeof inner !== 'object' || inner === null) return [];
  return Object.entries(inner).map(([name, value]) => `    ${name}: ${valueText(value)}`);
}

function valueText(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}
