// A process that goes on with one training of a store, link after link, until it is complete or it is killed. Argument: JSON. Writes
// `step N` for every sign of progress, first where it goes on from, and, at the end, what the training made.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { StoredFile } from '../../../schemas/stored.js';
import type { ComputeChildren } from '../../../stages/stage.js';
import type { TrainRequest } from '../../../stages/train/messages.js';
import { planTrainItem } from '../../../stages/train/plan.js';
import { createTrainingRun } from '../../../stages/train/run.js';
import { trainTasks } from '../../../stages/train/task.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { localChildren } from '../../harness/local-children.js';
import { makeContext } from '../../unit/stages/train/harness.js';
import { CASES, SNAPSHOT } from './cases.js';

/** What the process is told. */
export interface TrainingOrder {
  /** Folder of the store. */
  readonly store: string;
  readonly spool: string;
  /** Name of the case. */
  readonly name: string;
  readonly slices: number;
  /** Threads of one session, whatever the key says. */
  readonly threads: number;
  readonly segments: readonly StoredFile[];
}

/** What the training made. */
export interface TrainingEnd {
  readonly digests: readonly string[];
  readonly statistics: Readonly<Record<string, unknown>>;
}

/** A link ends soon, so that there are many checkpoints. */
const LINK_MS = 80;

/** Children that train with that many threads. */
function withThreads(children: ComputeChildren, threads: number): ComputeChildren {
  const call: ComputeChildren['call'] = (task, request, options) => {
    const { dictionaries, ...rest } = request as TrainRequest;
    const threaded = dictionaries.map((own) => {
      return { ...own, config: { ...own.config, engine: { ...own.config.engine, threads } } };
    });
    return children.call(task, { ...rest, dictionaries: threaded }, options);
  };
  return { ...children, call };
}

const order = JSON.parse(process.argv[2] ?? '{}') as TrainingOrder;
const make = CASES[order.name];
if (!make) throw new TypeError(`no case ${order.name}`);
const config = make({ slices: order.slices });
const store = await openStore(order.store);
const item = planTrainItem({ configs: [config], snapshot: SNAPSHOT, segments: [...order.segments] });
const run = createTrainingRun(LINK_MS);
for (let link = 0; ; link++) {
  const spool = path.join(order.spool, String(link));
  await mkdir(spool, { recursive: true });
  const context = makeContext(store, spool, {
    stop: new AbortController().signal,
    onProgress: (step) => {
      if (step > 0) process.stdout.write(`step ${step}\n`);
    },
    children: withThreads(localChildren(trainTasks), order.threads),
  });
  const result = await run(item, [config], context);
  if (!result.finished) continue;
  const [output] = result.outputs;
  const end: TrainingEnd = {
    digests: (output?.files ?? []).map(({ table, sha256 }) => `${table} ${sha256}`),
    statistics: output?.statistics ?? {},
  };
  process.stdout.write(`${JSON.stringify(end)}\n`);
  break;
}
await store.close();
