// A user's folder for end-to-end tests: a small real corpus, the real model, a run file, and the real command line run as processes.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { packageRoot, programFile } from '../../../runtime/package-root.js';
import { openStore } from '../../../storage/objects/open-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { TINY_LM, TOKENIZER } from '../../harness/fixtures.js';
import type { TestMinio } from '../../servers/minio.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
  /** What it has written to stderr so far. */
  stderr(): string;
}

export interface ProjectOptions {
  /** Temporal front end; none for commands that need no Temporal. */
  readonly address?: string;
  /** Chapters of the real corpus to take. */
  readonly chapters?: number;
  readonly store?: { readonly url: string; readonly options?: Record<string, unknown> };
  readonly env?: Record<string, string>;
  /** Changes of the run file, merged at the top level of each section. */
  readonly run?: Record<string, unknown>;
}

/** What makes a project keep its store in the bucket, below `prefix`. */
export function onMinio(
  { endpoint, bucket, user, password }: Pick<TestMinio, 'endpoint' | 'bucket' | 'user' | 'password'>,
  prefix: string,
): Required<Pick<ProjectOptions, 'store' | 'env'>> {
  return {
    store: { url: `s3://${bucket}/${prefix}`, options: { endpoint, region: 'us-east-1', pathStyle: true } },
    env: { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: password },
  };
}

const ROOT = packageRoot();

export class Project {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #children = new Set<ChildProcess>();

  constructor(folder: string, env: Record<string, string>) {
    this.folder = folder;
    this.#env = { ...process.env, NO_COLOR: '1', ...env };
    delete this.#env['ASSAY_STORE'];
  }

  /** Runs `assay ARGS` to its end. */
  assay(...args: string[]): Promise<CommandResult> {
    return this.start(...args).ended;
  }

  /** Starts `assay ARGS`, for tests that send signals to it. */
  start(...args: string[]): RunningCommand {
    const child = spawn(process.execPath, [path.join(ROOT, 'cli', 'assay.mjs'), ...args], {
      cwd: this.folder,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<CommandResult>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (value) => {
        this.#children.delete(child);
        resolve({ code: value ?? -1, stdout, stderr });
      });
    });
    return { child, ended, stderr: () => stderr };
  }

  /** Runs `assay ARGS --json`, which must succeed, and parses the one document on stdout. */
  async json<T>(...args: string[]): Promise<T> {
    const result = await this.assay(...args, '--json');
    if (result.code !== 0) throw new Error(`assay ${args.join(' ')} ended with ${result.code}: ${result.stderr}`);
    return JSON.parse(result.stdout) as T;
  }

  /** Digest of every dataset of the store, by name. */
  async digests(): Promise<Record<string, string>> {
    const datasets = await this.json<{ name: string; table: string; digest: string }[]>('datasets');
    const pairs = datasets.map(({ name, digest }): [string, string] => [name, digest]);
    return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The project's store, where it is a folder, opened by the test itself. */
  openStore(): Promise<ObjectStore> {
    return openStore(`file://${this.folder}/data`);
  }

  get env(): NodeJS.ProcessEnv {
    return this.#env;
  }

  /** Ends what still runs and removes the folder. */
  async remove(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A fresh folder with corpus.jsonl, run.yaml and, where Temporal is given, `.assay/config.json`. */
export async function createProject(options: ProjectOptions = {}): Promise<Project> {
  if (!existsSync(programFile('assay')))
    throw new Error('dist/ is absent: run `npm run build` before the end-to-end tests');
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-e2e-'));
  const project = new Project(folder, options.env ?? {});
  await writeFile(path.join(folder, 'corpus.jsonl'), await smallCorpus(options.chapters ?? 40));
  await writeFile(path.join(folder, 'run.yaml'), stringify(runOf(options)));
  if (options.address !== undefined) {
    await mkdir(path.join(folder, '.assay'), { recursive: true });
    const store = options.store?.url ?? 'file://./data';
    const config = {
      formatVersion: 1,
      store,
      ...(options.store?.options ? { storeOptions: { checksums: 'when_supported', ...options.store.options } } : {}),
      temporal: { address: options.address, namespace: 'default' },
    };
    await writeFile(path.join(folder, '.assay', 'config.json'), JSON.stringify(config));
  }
  return project;
}

/** A run of about 10 seconds that has several shards in every stage. */
export function runOf(options: ProjectOptions = {}): Record<string, unknown> {
  const base: Record<string, unknown> = {
    name: 'small',
    store: options.store?.url ?? 'file://./data',
    ...(options.store?.options ? { storeOptions: options.store.options } : {}),
    model: {
      onnx: path.join(TINY_LM, 'model.onnx'),
      tokenizer: TOKENIZER,
      contextTokens: 128,
      prepend: '<|endoftext|>',
    },
    corpus: { sources: ['corpus.jsonl'], split: { field: 'split' }, shardTokens: 6144 },
    activations: { hooks: ['blocks.2.hook_resid_post'], batchTokens: 2048 },
    saes: [
      {
        name: 'sae',
        hook: 'blocks.2.hook_resid_post',
        features: 256,
        k: 8,
        tokens: 20_480,
        batchRows: 512,
        lr: 0.001,
        seed: 1,
      },
    ],
    index: { topExamples: 8 },
  };
  for (const [field, value] of Object.entries(options.run ?? {})) {
    const before = base[field];
    const merge =
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      typeof before === 'object' &&
      before !== null;
    base[field] = merge ? { ...before, ...value } : value;
  }
  return base;
}

/** The first chapters of the real corpus, with some of every split. */
async function smallCorpus(chapters: number): Promise<string> {
  const text = gunzipSync(await readFile(path.join(TINY_LM, 'corpus.jsonl.gz'))).toString('utf8');
  return `${text.split('\n').slice(0, chapters).join('\n')}\n`;
}
