// up, down and worker: the processes of the local stack, and a worker for a cluster.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { downDocument, upDocument, workerDocument } from '../../schemas/documents/runs.js';
import { EXIT } from '../../schemas/exit.js';
import { InputError } from '../../schemas/errors.js';
import { resolveAutoProvider } from '../../runtime/devices.js';
import { programFile } from '../../runtime/package-root.js';
import { canonicalStoreUrl, openStore } from '../../storage/objects/open-store.js';
import { withOwnerLock, type LockOwner } from '../../servers/owner-lock.js';
import { assertUsableStore } from '../../storage/probe/probe-store.js';
import type { CommandContext } from '../command.js';
import { findLocalConfig, writeLocalConfig, type LocalConfig } from '../local-config.js';
import { isNewStore } from '../store-choice.js';
import { tellWait } from '../waiting.js';
import { sayDefault } from './store-default.js';
import {
  endStack,
  ensureMinio,
  endStrayWorkers,
  ensureTemporal,
  machineSlots,
  queuesServed,
  startWorker,
  waitForWorkers,
  WORKER_GRACE_MS,
  WORKER_ROLES,
} from './local-stack.js';
import { allowedOf, allowHere } from './allow.js';
import { stackFolder } from './stack-folder.js';
import type { UpOptions, WorkerOptions } from './requests.js';
import { temporalAddress } from './temporal-client.js';

export async function up(options: UpOptions, context: CommandContext): Promise<number> {
  const folder = await stackFolder(context);
  return alone({ folder, doing: 'assay up' }, context, () => startStack(options, folder, context));
}

/** One `up` or `down` of a folder at a time: two servers on one database file would break it. */
function alone<T>(
  { folder, doing }: { readonly folder: string; readonly doing: string },
  { io, output }: CommandContext,
  body: () => Promise<T>,
): Promise<T> {
  const onWait = (owner: LockOwner, ageSeconds: number): void =>
    output.note(`waiting for \`${owner.doing}\` of pid ${owner.pid}, which began ${ageSeconds} s ago in ${folder}`);
  return withOwnerLock({ file: path.join(folder, '.assay', 'stack.lock'), doing, onWait, signal: io.signal }, body);
}

async function startStack(options: UpOptions, folder: string, context: CommandContext): Promise<number> {
  const { io, environment, output, storeOption } = context;
  const known = (await findLocalConfig(io.cwd))?.config;
  // The store first: where it is refused, neither Temporal nor a worker is started.
  const store = await stackStore({
    folder,
    storeOption: storeOption ?? environment.store,
    known,
    context,
  });
  const fresh = await probe(store);
  const starting = ensureTemporal(folder, known?.temporal);
  const temporal = await tellWait(output, 'waiting for the Temporal server to answer, at most 60 s', starting);
  const { address } = temporal;
  const web = temporal.info['uiUrl'] ?? '';
  output.note(
    `Temporal at ${temporal.address}${temporal.started ? '' : ' (was running)'}; web page ${temporal.info['uiUrl'] ?? ''}`,
  );
  const config: LocalConfig = {
    ...known,
    formatVersion: 1,
    ...store,
    temporal: { address, namespace: 'default', web },
  };
  await writeLocalConfig(folder, config);
  await allowHere(context, { url: config.store, options: config.storeOptions ?? {} }, []);
  const before = known === undefined ? null : canonicalStoreUrl(known.store, folder);
  sayDefault(output, { folder, store: config.store, before });
  const ending = endStrayWorkers(folder, address);
  const running = await tellWait(output, 'waiting for workers of a Temporal server that is gone to end', ending);
  const missing = Math.max(0, options.workers - running.length);
  const slots = Math.max(1, Math.floor(machineSlots() / Math.max(1, options.workers)));
  const launch = { folder, address, namespace: 'default', device: 'cpu', slots } as const;
  const starts = Promise.all(Array.from({ length: missing }, () => startWorker(launch)));
  const started = await tellWait(output, waitForWorkers(missing), starts);
  const workers = [...running, ...started].map(({ pid }) => ({
    pid,
    queues: queuesServed(WORKER_ROLES, 'cpu', os.hostname()),
  }));
  output.result(upDocument, { store: store.store, temporal: address, web: web === '' ? null : web, workers }, () =>
    [
      `store     ${store.store}${fresh ? ' (new)' : ''}`,
      `temporal  ${temporal.address}`,
      `web       ${temporal.info['uiUrl'] ?? ''}`,
      `workers   ${workers.map((w) => `pid ${w.pid}`).join(', ')}`,
      'Next: assay run RUN.yaml --follow; stop everything with: assay down',
    ].join('\n'),
  );
  return EXIT.done;
}

interface StackStoreInput {
  readonly folder: string;
  readonly storeOption: string | null;
  readonly known: LocalConfig | undefined;
  readonly context: CommandContext;
}

/** The store that `up` configures: MinIO of this stack, the named one, the one known from before, else ./data. */
async function stackStore({
  folder,
  storeOption,
  known,
  context,
}: StackStoreInput): Promise<Pick<LocalConfig, 'store' | 'storeOptions'>> {
  const { io, output } = context;
  if (storeOption === 'minio') {
    const variables = io.environment;
    const minio = await ensureMinio(folder, {
      user: variables['AWS_ACCESS_KEY_ID'],
      password: variables['AWS_SECRET_ACCESS_KEY'],
    });
    output.note(`MinIO at ${minio.address}${minio.started ? '' : ' (was running)'}`);
    return {
      store: 's3://assay',
      storeOptions: {
        endpoint: minio.info['endpoint'] ?? `http://${minio.address}`,
        pathStyle: true,
        region: 'us-east-1',
      },
    };
  }
  if (storeOption !== null) return { store: canonicalStoreUrl(storeOption, io.cwd) };
  if (known)
    return {
      store: canonicalStoreUrl(known.store, folder),
      ...(known.storeOptions ? { storeOptions: known.storeOptions } : {}),
    };
  return { store: canonicalStoreUrl('file://./data', folder) };
}

/** @returns whether it was made now */
async function probe(choice: Pick<LocalConfig, 'store' | 'storeOptions'>): Promise<boolean> {
  const store = await openStore(choice.store, { storeOptions: choice.storeOptions });
  try {
    const fresh = await isNewStore(store);
    await assertUsableStore(store);
    return fresh;
  } finally {
    await store.close();
  }
}

const WAIT_FOR_END = `waiting for the workers to finish the shards in hand, at most ${WORKER_GRACE_MS / 1000} s`;

export async function down(context: CommandContext): Promise<number> {
  const folder = await stackFolder(context);
  // Where nothing was ever started, nothing is left behind either.
  const ended = existsSync(path.join(folder, '.assay'))
    ? await alone({ folder, doing: 'assay down' }, context, () =>
        tellWait(context.output, WAIT_FOR_END, endStack(folder)),
      )
    : [];
  const stopped = ended.map(({ name, pid }) => ({ name, pid }));
  context.output.result(downDocument, { stopped }, () =>
    stopped.length === 0
      ? 'Nothing was running.'
      : stopped.map(({ name, pid }) => `stopped ${name} (pid ${pid})`).join('\n'),
  );
  return EXIT.done;
}

/** Runs a worker in the foreground until SIGTERM or Ctrl-C. */
export async function worker(options: WorkerOptions, context: CommandContext): Promise<number> {
  const wrong = options.roles.filter((role) => !WORKER_ROLES.includes(role));
  if (wrong.length > 0)
    throw new InputError(`Expected roles among ${WORKER_ROLES.join(', ')}, found ${wrong.join(', ')}.`, {
      roles: wrong,
    });
  const device = options.device === 'auto' ? await resolveAutoProvider() : options.device;
  const at = await temporalAddress(context);
  const settings = {
    address: at.address,
    namespace: at.namespace,
    roles: options.roles,
    device,
    slots: options.slots ?? machineSlots(),
    allow: await allowedOf(options, context),
    ...(options.host === undefined ? {} : { hostId: options.host }),
    ...(options.memory === undefined ? {} : { memoryBytes: options.memory * 2 ** 20 }),
    ...(options.folder === undefined ? {} : { folder: path.resolve(context.io.cwd, options.folder) }),
    ...(context.environment.logLevel === 'debug' ? { logLevel: 'debug' } : {}),
  };
  const child = spawn(process.execPath, [programFile('worker'), JSON.stringify(settings)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  context.io.signal.addEventListener('abort', () => child.kill('SIGTERM'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const code = await new Promise<number>((resolve) => child.on('exit', (value) => resolve(value ?? EXIT.failed)));
  const queues = queuesServed(options.roles, device, options.host ?? os.hostname());
  context.output.result(workerDocument, { queues, reason: code === 0 ? 'stopped' : `exit code ${code}` }, () => '');
  return code;
}
