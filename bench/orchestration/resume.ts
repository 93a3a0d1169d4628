// Row 7 of the bench: `assay resume` of a run in which everything is committed, from the start of the command to its exit,
// on a folder and on MinIO.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startMinioServer } from '../../servers/minio.js';
import { openStore } from '../../storage/objects/open-store.js';
import { meets, type BenchRow } from '../row.js';
import { runAssay } from './assay-process.js';
import { RUN_NAME, writeCommittedRun } from './committed-run.js';

export interface ResumeOptions {
  readonly shards?: number;
  readonly repeats?: number;
  /** Whether MinIO is measured too; needs the program. */
  readonly minio?: boolean;
}

const MUST = '<= 5';
const ACCOUNT = { user: 'assay-bench', password: 'assay-bench-secret', bucket: 'assay' };

interface Place {
  readonly name: string;
  readonly url: string;
  readonly storeOptions: Record<string, unknown>;
  readonly env: Record<string, string>;
}

/** Row 7. */
export async function benchResume(log: (text: string) => void, options: ResumeOptions = {}): Promise<BenchRow[]> {
  const { shards = 1000, repeats = 5, minio = true } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-bench-resume-'));
  const measure = (place: Place): Promise<BenchRow> => measurePlace(place, { shards, repeats, folder, log });
  try {
    const rows = [
      await measure({
        ...{ name: 'folder', url: `file://${folder}/store`, storeOptions: {}, env: {} },
      }),
    ];
    if (minio) rows.push(await onMinio(folder, measure));
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function onMinio(folder: string, measure: (place: Place) => Promise<BenchRow>): Promise<BenchRow> {
  const server = await startMinioServer({ ...ACCOUNT, folder: path.join(folder, 'minio') });
  try {
    return await measure({
      name: 'MinIO',
      url: `s3://${ACCOUNT.bucket}/bench`,
      storeOptions: {
        endpoint: server.endpoint,
        region: 'us-east-1',
        pathStyle: true,
        checksums: 'when_supported',
      },
      env: { AWS_ACCESS_KEY_ID: ACCOUNT.user, AWS_SECRET_ACCESS_KEY: ACCOUNT.password },
    });
  } finally {
    await server.stop();
  }
}

interface Measuring {
  readonly shards: number;
  readonly repeats: number;
  readonly folder: string;
  readonly log: (text: string) => void;
}

async function measurePlace(place: Place, { shards, repeats, folder, log }: Measuring): Promise<BenchRow> {
  const { name, url, storeOptions, env } = place;
  log(`writing the records of ${shards} shards on ${name}`);
  const commits = await withEnvironment(env, async () => {
    const store = await openStore(url, { storeOptions });
    const written = await writeCommittedRun(store, shards);
    await store.close();
    return written;
  });
  const cwd = path.join(folder, name);
  await mkdir(path.join(cwd, '.assay'), { recursive: true });
  // Nothing answers there: a resume that has nothing to do asks nobody.
  const temporal = { address: '127.0.0.1:9', namespace: 'default' };
  const config = { formatVersion: 1, store: url, storeOptions, temporal };
  await writeFile(path.join(cwd, '.assay', 'config.json'), JSON.stringify(config));
  const seconds: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const { stdout, ms } = await runAssay(['resume', RUN_NAME], { cwd, env });
    if (!stdout.includes('nothing to resume')) throw new RangeError(`Expected nothing to resume, got: ${stdout}`);
    seconds.push(ms / 1000);
    log(`resume on ${name}: ${(ms / 1000).toFixed(2)} s`);
  }
  const value = [...seconds].sort((a, b) => a - b)[Math.floor(repeats / 2)] ?? NaN;
  return {
    row: 7,
    what: `resume with everything committed on ${name}, s`,
    ...{ value, must: MUST, met: meets(value, MUST) },
    conditions: `${shards} shards, ${commits} commits of 6 stages (2 dictionaries), records only, command start to exit, median of ${repeats}`,
  };
}

/** Runs `body` with environment variables that are put back afterwards. */
async function withEnvironment<T>(env: Readonly<Record<string, string>>, body: () => Promise<T>): Promise<T> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    return await body();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}
