// Runs the small corpus while something is killed at a chosen stage and share of its progress, then lets it finish and compares.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { STAGES, type StageName } from '../../../schemas/stages.js';
import { runWorkflowId } from '../../../cli/orchestration/control.js';
import { attemptRecord, type RunEvent } from '../../../schemas/records.js';
import { openStore } from '../../../storage/objects/open-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { readStoreId } from '../../../storage/records/identity.js';
import { listAttempts } from '../../../storage/records/runs.js';
import { readEvents } from '../../../storage/records/events.js';
import type { TestMinio } from '../../servers/minio.js';
import type { TestTemporal } from '../../servers/temporal.js';
import { createProject, type Project, type ProjectOptions } from './project.js';
import { startTestWorker, type TestWorker } from './worker.js';

/** The stages of a run that trains no model of its own. */
export const RUN_STAGES = [
  'corpus',
  'tokens',
  'activations',
  'train',
  'encode',
  'evaluate',
  'index',
  'profile',
  'label',
] as const satisfies StageName[];
export type RunStage = (typeof RUN_STAGES)[number];

/** Of a stage with several steps: the one that is waited for. Evaluation begins beside the training and goes on beside the index. */
const STEP_OF: Partial<Record<RunStage, string>> = { evaluate: 'evaluate@sae/evaluation-sums' };
/**
 * A run with an evaluation. Its lot is in hand beside those of the stages after it, and a child that dies twice over one item fails a
 * run: one that is killed in later stages too has none.
 */
export const EVALUATED: ProjectOptions = { run: { evaluation: { resamples: 100 } } };

export const VICTIMS = ['worker', 'child', 'temporal', 'minio'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface Kill {
  readonly victim: Victim;
  readonly stage: RunStage;
  /** How long after the stage started, milliseconds. */
  readonly delayMs: number;
}

export interface KillServers {
  readonly temporal: TestTemporal;
  readonly minio: TestMinio | null;
}

export interface KillOutcome {
  readonly digests: Record<string, string>;
  /** Items that the stages planned, and items that were handed out to be computed again after the kill. */
  readonly planned: number;
  readonly repeated: number;
  readonly happened: readonly string[];
}

/** One run with its kills; the run is resumed where it does not finish by itself. */
export async function runWithKills(
  kills: readonly Kill[],
  servers: KillServers,
  options: ProjectOptions = {},
): Promise<KillOutcome> {
  const { temporal } = servers;
  const project = await createProject({ ...options, address: temporal.address });
  const crew: Crew = {
    project,
    temporal,
    workers: [await startTestWorker(project, { address: temporal.address, slots: 2 })],
  };
  const happened: string[] = [];
  try {
    // Watched from before its start: the first stage is over before the command that started it has ended.
    const store = await openProjectStore(project, options);
    const started = project.start('run', 'run.yaml').ended;
    for (const kill of kills) {
      const reached = await untilStage(store, kill.stage);
      if (!reached) {
        happened.push(`${kill.victim} in ${kill.stage}: the stage was over`);
        continue;
      }
      await sleep(kill.delayMs);
      happened.push(await killOne(kill, crew, servers));
    }
    const { code, stderr } = await started;
    if (code !== 0) throw new Error(`run did not start: ${stderr}`);
    await finish(crew, store);
    const events = await readEvents(store, { name: 'small', revision: 1 });
    const finished = events.filter((e) => e.type === 'stage-finished');
    const planned = new Map(finished.map((e) => [e.data['step'] ?? e.data['stage'], Number(e.data['planned'])]));
    const plannedItems = [...planned.values()].reduce((a, b) => a + b, 0);
    // Every attempt at an item is recorded before it computes: what exceeds one attempt per item was repeated.
    const attempts = await listAttempts(store, { name: 'small', revision: 1 }, attemptRecord);
    const items = new Set(attempts.map(({ stage, key, input }) => `${stage}/${key}/${input}`));
    const repeated = attempts.length - items.size;
    await store.close();
    return {
      digests: await project.digests(),
      planned: plannedItems,
      repeated,
      happened,
    };
  } finally {
    await Promise.all(crew.workers.map((worker) => worker.stop('SIGKILL')));
    await project.remove();
  }
}

interface Crew {
  readonly project: Project;
  readonly temporal: TestTemporal;
  readonly workers: TestWorker[];
}

async function openProjectStore(project: Project, options: ProjectOptions): Promise<ObjectStore> {
  // The test process reads MinIO with the project's credentials.
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
    const value = project.env[name];
    if (value !== undefined) process.env[name] = value;
  }
  return openStore(options.store?.url ?? `file://${project.folder}/data`, {
    storeOptions: options.store?.options as never,
  });
}

/** Waits until a stage has started; false when the run is past it. */
async function untilStage(store: ObjectStore, stage: RunStage): Promise<boolean> {
  const events: RunEvent[] = [];
  for (let waited = 0; waited < 120_000; waited += 30) {
    events.push(...(await readEvents(store, { name: 'small', revision: 1 }, events.at(-1)).catch(() => [])));
    const step = STEP_OF[stage];
    const isOfIt = ({ data }: RunEvent): boolean => (step ? data['step'] === step : data['stage'] === stage);
    const about = events.filter(isOfIt).map((e) => e.type);
    const later = !step && events.some((e) => placeOf(e.data['stage']) > placeOf(stage));
    if (about.includes('stage-finished') || later) return false;
    if (about.includes('stage-started')) return true;
    await sleep(30);
  }
  throw new Error(`stage ${stage} did not start within 120 s: ${JSON.stringify(events.slice(-5))}`);
}

/** Place among the stages that follow each other; −1 of what runs beside them. */
function placeOf(stage: unknown): number {
  return stage === 'evaluate' ? -1 : STAGES.indexOf(stage as StageName);
}

async function killOne(kill: Kill, crew: Crew, { temporal, minio }: KillServers): Promise<string> {
  const { project, workers } = crew;
  if (kill.victim === 'worker') {
    workers.at(-1)?.kill();
    workers.push(await startTestWorker(project, { address: temporal.address, slots: 2 }));
  } else if (kill.victim === 'child') {
    const pid = await untilChild(workers.at(-1));
    if (pid === undefined) return `child in ${kill.stage}: no child was running`;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      return `child in ${kill.stage}: it had just ended`;
    }
  } else if (kill.victim === 'temporal') {
    await temporal.server.kill();
    await temporal.restart();
  } else if (minio) {
    await minio.server.kill();
    await minio.restart();
  }
  return `${kill.victim} in ${kill.stage} after ${kill.delayMs} ms: killed`;
}

/** The pid of a worker's compute child; children begin with the first lot. */
async function untilChild(worker: TestWorker | undefined): Promise<number | undefined> {
  for (let waited = 0; waited < 5000; waited += 20) {
    const [pid] = (await worker?.childPids()) ?? [];
    if (pid !== undefined) return pid;
    await sleep(20);
  }
  return undefined;
}

/** Waits for the run's end; resumes it where its workflow has ended otherwise. */
async function finish(crew: Crew, store: ObjectStore): Promise<void> {
  for (let attempt = 0; attempt < 6; attempt++) {
    const state = await untilEnd(crew, store);
    if (state === 'completed') return;
    const resumed = await crew.project.assay('resume', 'small');
    if (resumed.code !== 0) throw new Error(`resume ended with ${resumed.code}: ${resumed.stderr}`);
  }
  const events = await readEvents(store, { name: 'small', revision: 1 });
  throw new Error(
    `the run did not complete: ${JSON.stringify(events.slice(-3))}\n${crew.workers.map((w) => w.log.slice(-3000)).join('\n')}`,
  );
}

async function untilEnd(crew: Crew, store: ObjectStore): Promise<string> {
  const connection = await Connection.connect({ address: crew.temporal.address });
  const handle = new Client({ connection }).workflow.getHandle(runWorkflowId(await readStoreId(store), 'small'));
  try {
    for (let waited = 0; waited < 240_000; waited += 200) {
      const status = await handle.describe().then(
        (d) => d.status.name,
        () => 'RUNNING',
      );
      if (status !== 'RUNNING') {
        const events = await readEvents(store, { name: 'small', revision: 1 });
        return events.at(-1)?.type ?? 'unknown';
      }
      await sleep(200);
    }
    return 'stuck';
  } finally {
    await connection.close();
  }
}
