// Proof: 2^21 features as 64 frozen experts are trained by two workers, one of which is killed while experts are trained; the run is
// cancelled, resumed, and ends with the digests of an undisturbed run by one worker. `--features N` takes another number.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { attemptRecord } from '../../schemas/records.js';
import { readEvents } from '../../storage/records/events.js';
import { listAttempts } from '../../storage/records/runs.js';
import { createProject, type CommandResult, type Project } from '../e2e/harness/project.js';
import { startTestWorker, type TestWorker } from '../e2e/harness/worker.js';
import { startTestTemporal } from '../servers/temporal.js';

const EXPERTS = 64;
const BATCH_ROWS = 512;
const STEPS = 16;
/** Chapters of the real corpus: all. */
const CHAPTERS = 1189;
const STEP = 'train@routed/wide/experts';
/** How long experts are trained before a worker dies, milliseconds. */
const BEFORE_KILL_MS = 20_000;

const { values } = parseArgs({ options: { features: { type: 'string', default: String(2 ** 21) } } });
const features = Number(values.features);

function log(text: string): void {
  process.stdout.write(`${text}\n`);
}

function projectAt(address: string): Promise<Project> {
  return createProject({
    ...{ address, chapters: CHAPTERS },
    run: {
      corpus: { sources: ['corpus.jsonl'], split: { field: 'split' }, shardTokens: 65_536 },
      saes: [
        {
          ...{ name: 'wide', hook: 'blocks.2.hook_resid_post', features, k: 16, seed: 1, batchRows: BATCH_ROWS },
          ...{ tokens: EXPERTS * STEPS * BATCH_ROWS, routed: { experts: EXPERTS, kind: 'frozen' } },
        },
      ],
    },
  });
}

/** @throws with what the command said */
function done({ code, stderr }: CommandResult, what: string): void {
  if (code !== 0) throw new RangeError(`${what} ended with ${code}: ${stderr.slice(-2000)}`);
}

async function untilExperts(project: Project): Promise<void> {
  const store = await project.openStore();
  for (;;) {
    const events = await readEvents(store, { name: 'small', revision: 1 }).catch(() => []);
    if (events.some(({ type, data }) => type === 'stage-started' && data['step'] === STEP)) break;
    await sleep(200);
  }
  await store.close();
}

async function trainAttempts(project: Project): Promise<{ readonly all: number; readonly items: number }> {
  const store = await project.openStore();
  const attempts = await listAttempts(store, { name: 'small', revision: 1 }, attemptRecord);
  await store.close();
  const own = attempts.filter(({ stage }) => stage === 'train');
  return { all: own.length, items: new Set(own.map(({ key, input }) => `${key} ${input}`)).size };
}

async function undisturbed(address: string): Promise<Record<string, string>> {
  const project = await projectAt(address);
  const worker = await startTestWorker(project, { address, slots: 2 });
  try {
    done(await project.assay('run', 'run.yaml', '--until', 'train', '--follow'), 'the undisturbed run');
    return await project.digests();
  } finally {
    await worker.stop('SIGKILL');
    await project.remove();
  }
}

async function disturbed(address: string): Promise<Record<string, string>> {
  const project = await projectAt(address);
  const start = (): Promise<TestWorker> => startTestWorker(project, { address, slots: 1 });
  const workers = [await start(), await start()];
  try {
    const run = project.start('run', 'run.yaml', '--until', 'train', '--follow');
    await untilExperts(project);
    await sleep(BEFORE_KILL_MS);
    workers[0]?.kill();
    log(`killed one of two workers ${BEFORE_KILL_MS / 1000} s after ${STEP} began`);
    await sleep(3000);
    done(await project.assay('cancel', 'small'), 'cancel');
    await run.ended;
    workers.push(await start());
    done(await project.assay('resume', 'small', '--follow'), 'resume');
    const { all, items } = await trainAttempts(project);
    log(`${items} items of the train stage, ${all} attempts at them`);
    if (all <= items) throw new RangeError('Expected the kill to cost an attempt, found that it struck nothing.');
    return await project.digests();
  } finally {
    await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
    await project.remove();
  }
}

const temporal = await startTestTemporal();
try {
  log(`${features} features as ${EXPERTS} experts, ${STEPS} steps of ${BATCH_ROWS} rows each`);
  const [found, want] = [await disturbed(temporal.address), await undisturbed(temporal.address)];
  for (const [name, digest] of Object.entries(want)) log(`${name}  ${digest}`);
  const names = [...new Set([...Object.keys(want), ...Object.keys(found)])].filter(
    (name) => want[name] !== found[name],
  );
  log(names.length === 0 ? 'all digests are those of the undisturbed run' : `other digests: ${names.join(', ')}`);
  process.exitCode = names.length === 0 && 'small/wide/weights' in want ? 0 : 1;
} finally {
  await temporal.stop();
}
