// Recorded histories of released workflow versions replay with the workflows as they are: a change that would break runs in
// progress fails here. Needs no server.
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../runtime/package-root.js';
import { bundleSources } from '../harness/workflow-bundle.js';

const FOLDER = path.join(packageRoot(), 'tests', 'replay', 'histories');
/** The bundle without its source map; the SDK alone is about three quarters of it. */
const MAX_BUNDLE_BYTES = 0.75 * 2 ** 20;

interface Recorded {
  readonly events: {
    readonly eventType: string;
    readonly workflowExecutionStartedEventAttributes?: {
      readonly workflowType: { readonly name: string };
      readonly workflowId?: string;
    };
  }[];
}

const recordings = readdirSync(FOLDER).flatMap((version) =>
  readdirSync(path.join(FOLDER, version)).map((file) => `${version}/${file}`),
);
const read = (name: string): Recorded => JSON.parse(readFileSync(path.join(FOLDER, name), 'utf8')) as Recorded;
const typesOf = (name: string): string[] => read(name).events.map(({ eventType }) => eventType);

let bundle: { code: string };

beforeAll(async () => {
  // The refusal of the differing history would be printed as a warning.
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'off' } },
  });
  bundle = await bundleSources();
}, 30_000);

describe('recorded histories', () => {
  it.each(recordings)('%s replays', async (name) => {
    const id = read(name).events[0]?.workflowExecutionStartedEventAttributes?.workflowId;
    await Worker.runReplayHistory({ workflowBundle: bundle }, read(name), id);
  });

  it('cover every workflow type, a pause, partitions that continue as new, a schedule, and a run that waits for another', () => {
    const types = recordings.map(
      (name) => read(name).events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name,
    );
    const all = ['runWorkflow', 'stageWorkflow', 'partitionWorkflow', 'scheduledRun', 'leaseWorkflow', 'suiteWorkflow'];
    expect(new Set(types)).toEqual(new Set(all));
    const find = (end: string): string[] => recordings.filter((name) => name.endsWith(`/${end}.json`)).flatMap(typesOf);
    expect(find('run-paused')).toContain('EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED');
    expect(find('stage-paused')).toContain('EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED');
    expect(find('partition-continued')).toContain('EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW');
    expect(find('run-waits')).toContain('EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED');
    expect(find('scheduled')).toContain('EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED');
  });

  it('a history that was made to differ is refused', async () => {
    const name = recordings.find((file) => file.endsWith('/run-paused.json')) ?? '';
    const text = readFileSync(path.join(FOLDER, name), 'utf8');
    const other = JSON.parse(text.replaceAll('"planStage"', '"planOther"')) as Recorded;
    await expect(Worker.runReplayHistory({ workflowBundle: bundle }, other, 'other')).rejects.toThrow(
      /[Nn]ondeterminism/,
    );
  });
});

describe('the bundle of the workflows', () => {
  it('holds neither zod nor a Node built-in nor anything with input and output, and stays small', () => {
    const [code = ''] = bundle.code.split('//# sourceMappingURL=');
    expect(code.length).toBeLessThan(MAX_BUNDLE_BYTES);
    const modules = [...code.matchAll(/"(\.\/[^"\n]+?\.(?:js|mjs|cjs|ts))"/g)].map(([, m]) => m);
    expect(modules.some((module) => module?.endsWith('workflows/run.ts'))).toBe(true);
    for (const part of ['/zod/', '/storage/', '/runtime/', '/stages/', '/aws-sdk/', '/onnxruntime'])
      expect(modules.filter((module) => module?.includes(part))).toEqual([]);
    const builtins = builtinModules.filter((name) => !['assert', 'url', 'util'].includes(name));
    for (const name of builtins) expect(code).not.toContain(`require("${name}")`);
    expect(code).not.toMatch(/require\("node:/);
  });
});
