// One worker of the hostile proof: writes each mutant into a folder, opens it as a user's model would be opened, prepares it
// for extraction, differentiates some, and has some loaded by ONNX Runtime in a compute child. Tells its parent how each ended.
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildVjpModel } from '../../core/autodiff/vjp-model.js';
import { decodeModel, encodeModel } from '../../core/onnx/codec.js';
import { externalReferences } from '../../core/onnx/external-data.js';
import { inferTypes } from '../../core/onnx/infer.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { ChildPool } from '../../runtime/child/child-pool.js';
import { openModel, type OpenedModel } from '../../models/open-model.js';
import { prepareModel, type PreparedModel } from '../../models/model-session.js';
import { isIntended } from './attempt.js';
import { ORT_ROLE, type LoadRequest } from './ort-child.js';
import { hostileSource, makeMutant, WEIGHTS_FILE, type HostileSource, type Mutant } from './samples.js';
import { FileWatch } from './watch-files.js';

export interface WorkerPlan {
  readonly from: number;
  readonly to: number;
  /** Cases `from`, `from + step`, … below `to`. */
  readonly step: number;
  readonly seed: string;
  readonly fixtures: string;
  readonly folder: string;
  /** Module that serves as compute child. */
  readonly entry: string;
}

/** Worker → parent. */
export type WorkerNews =
  | { readonly type: 'start'; readonly n: number; readonly name: string }
  | {
      readonly type: 'end';
      readonly n: number;
      readonly name: string;
      /** `read`, or `refused: <step>`. */
      readonly end: string;
      readonly ms: number;
      /** What ONNX Runtime did; null where it was not asked. */
      readonly ort: string | null;
      readonly violation: string | null;
      readonly rssBytes: number;
    };

/** One of this many survivors is differentiated, and one loaded by ONNX Runtime. */
const DIFFERENTIATED = 4;
const LOADED = 24;
const MAX_RSS = 3 * 2 ** 30;
const LOAD_MS = 30_000;
const CHILD_BYTES = 2 * 2 ** 30;
/** Text that a file outside the model's folder holds; weights read from there would show it. */
const CANARY = 'never to be read';

interface Bench {
  readonly plan: WorkerPlan;
  readonly source: HostileSource;
  readonly watch: FileWatch;
  readonly children: ChildPool;
  /** Folder of the model under test. */
  readonly model: string;
}

/** Runs the plan's cases one after the other. */
export async function runWorker(plan: WorkerPlan, send: (news: WorkerNews) => void): Promise<void> {
  const bench = setUp(plan);
  for (let n = plan.from; n < plan.to; n += plan.step) {
    const mutant = makeMutant(bench.source, plan.seed, n);
    send({ type: 'start', n, name: mutant.name });
    send({ type: 'end', n, name: mutant.name, ...(await runCase(bench, n, mutant)) });
  }
  await bench.children.close();
}

function setUp(plan: WorkerPlan): Bench {
  const model = path.join(plan.folder, 'model');
  rmSync(plan.folder, { recursive: true, force: true });
  mkdirSync(model, { recursive: true });
  writeFileSync(path.join(plan.folder, 'canary.bin'), CANARY.repeat(100_000));
  symlinkSync(plan.folder, path.join(model, 'link'));
  const source = hostileSource(plan.fixtures);
  const children = new ChildPool({
    entry: plan.entry,
    env: { ...process.env, [ORT_ROLE]: '1' },
    memoryLimitBytes: CHILD_BYTES,
    recordFolder: path.join(plan.folder, 'children'),
    slots: 1,
  });
  source.samples.forEach(({ bytes }, i) => {
    writeFileSync(path.join(plan.folder, `weights-${i}.bin`), bytes);
  });
  return { plan, source, children, model, watch: new FileWatch() };
}

type CaseEnd = Omit<Extract<WorkerNews, { type: 'end' }>, 'type' | 'n' | 'name'>;

async function runCase(bench: Bench, n: number, mutant: Mutant): Promise<CaseEnd> {
  const { model, watch } = bench;
  const file = path.join(model, 'model.onnx');
  // A new file each time, with the weights of its sample under a second name beside it.
  rmSync(file, { force: true });
  rmSync(path.join(model, WEIGHTS_FILE), { force: true });
  writeFileSync(file, mutant.bytes);
  linkSync(path.join(bench.plan.folder, `weights-${mutant.weights}.bin`), path.join(model, WEIGHTS_FILE));
  const started = performance.now();
  const steps: string[] = [];
  let violation: string | null = null;
  let prepared: PreparedModel | null = null;
  watch.arm();
  try {
    prepared = await openAndPrepare(file, new KeyedRandom(bench.plan.seed, 'choices', n), steps);
  } catch (error) {
    if (!isIntended(error)) violation = describeError(error);
  }
  const outside = watch.disarm(model);
  const ms = performance.now() - started;
  if (outside.length > 0) violation = `read outside the folder: ${outside.join(', ')}`;
  if (prepared && !staysInside(prepared, model)) violation = 'the prepared model refers to a file outside the folder';
  const rssBytes = process.memoryUsage.rss();
  if (rssBytes > MAX_RSS) violation = `${(rssBytes / 2 ** 20).toFixed(0)} MiB of memory`;
  const ort = prepared && n % (LOADED * bench.plan.step) < bench.plan.step ? await load(bench, prepared) : null;
  const end = prepared ? 'read' : `refused: ${steps.at(-1) ?? ''}`;
  return { end, ms, ort, violation, rssBytes };
}

async function openAndPrepare(file: string, random: KeyedRandom, steps: string[]): Promise<PreparedModel> {
  steps.push('open');
  const opened = await openModel(file);
  steps.push('infer');
  inferTypes(opened.model);
  if (random.nextInt(DIFFERENTIATED) === 0) {
    steps.push('differentiate');
    encodeModel(differentiate(opened, random));
  }
  steps.push('prepare');
  const { sites, files, outputs } = opened.summary;
  const names = Array.from({ length: 3 }, () => sites[random.nextInt(sites.length)]?.name ?? '');
  const [, ...external] = files;
  return prepareModel({ onnx: opened.path, external }, [...new Set(names)], { extra: outputs.slice(0, 1) });
}

function differentiate({ model, summary }: OpenedModel, random: KeyedRandom): ReturnType<typeof buildVjpModel> {
  const streams = summary.sites.filter(({ name, view }) => view === null && name.includes('hook_resid'));
  const wrt = streams[random.nextInt(Math.max(1, streams.length))];
  const output = summary.outputs[0] ?? '';
  return buildVjpModel(model, {
    outputs: [{ name: 'logits', tensor: output }],
    wrt: wrt ? [{ name: wrt.name, tensor: wrt.tensor }] : [],
  });
}

/** Whether every file that ONNX Runtime is told to read lies in the model's folder. */
function staysInside({ proto, externalFolder }: PreparedModel, folder: string): boolean {
  return externalReferences(decodeModel(proto)).every(({ location }) => {
    const relative = path.relative(folder, path.resolve(externalFolder, location));
    return !relative.startsWith('..') && !path.isAbsolute(relative);
  });
}

/** What ONNX Runtime made of a model, in a process of its own. */
async function load({ children }: Bench, { proto, externalFolder }: PreparedModel): Promise<string> {
  const request: LoadRequest = { proto, externalFolder };
  const signal = AbortSignal.timeout(LOAD_MS);
  try {
    await children.call('load', request, { signal });
    return 'loaded';
  } catch (error) {
    if (signal.aborted) return `stopped after ${LOAD_MS / 1000} s`;
    const { name, details } = error as { name?: string; details?: Record<string, unknown> };
    if (details?.['childDied'] === true)
      return name === 'ResourceError' ? 'took more than 2 GiB: child killed' : 'crashed: child died';
    return name === 'InputError' || name === 'ResourceError' ? 'refused' : `refused with ${name ?? 'an unknown error'}`;
  }
}

function describeError(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.split('\n').slice(0, 6).join('\n').slice(0, 2000);
}
