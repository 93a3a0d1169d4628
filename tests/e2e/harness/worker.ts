// A worker process that a test starts, watches and kills.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programFile } from '../../../runtime/package-root.js';
import type { Project } from './project.js';

/** Workers that still run: ended with the test process, whatever becomes of it. */
const started = new Set<ChildProcess>();
process.once('exit', () => {
  for (const worker of started) worker.kill('SIGKILL');
});

export interface TestWorkerOptions {
  readonly address: string;
  readonly slots?: number;
  readonly folder?: string;
  readonly env?: Record<string, string>;
  readonly roles?: readonly string[];
  readonly memoryBytes?: number;
  /** What it may use; default everything. */
  readonly allow?: Record<string, unknown>;
}

export class TestWorker {
  readonly folder: string;
  readonly #process: ChildProcess;
  #log = '';

  constructor(project: Project, options: TestWorkerOptions) {
    this.folder = options.folder ?? path.join(project.folder, `worker-${Math.random().toString(36).slice(2, 8)}`);
    const { address, slots = 1, roles, memoryBytes } = options;
    const settings = {
      address,
      slots,
      folder: this.folder,
      allow: options.allow ?? { any: true },
      ...(roles ? { roles } : {}),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    };
    this.#process = spawn(process.execPath, [programFile('worker'), JSON.stringify(settings)], {
      cwd: project.folder,
      env: { ...project.env, ...options.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    started.add(this.#process);
    this.#process.once('close', () => started.delete(this.#process));
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  get log(): string {
    return this.#log;
  }

  async ready(): Promise<void> {
    for (let waited = 0; waited < 60_000; waited += 50) {
      if (this.#log.includes('worker ready')) return;
      if (this.#process.exitCode !== null) break;
      await sleep(50);
    }
    throw new Error(`the worker did not become ready: ${this.#log}`);
  }

  /** Pids of its compute children. */
  async childPids(): Promise<number[]> {
    const names = await readdir(path.join(this.folder, 'children')).catch(() => []);
    const records = await Promise.all(
      names.map((name) => readFile(path.join(this.folder, 'children', name), 'utf8').catch(() => '')),
    );
    return records.filter((text) => text !== '').map((text) => (JSON.parse(text) as { pid: number }).pid);
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Asks it to end, waits. Returns the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return this.#process.exitCode;
    const ended = new Promise<number | null>((resolve) => this.#process.once('close', resolve));
    this.#process.kill(signal);
    return ended;
  }
}

/** Starts a worker and waits until it serves its queues. */
export async function startTestWorker(project: Project, options: TestWorkerOptions): Promise<TestWorker> {
  const worker = new TestWorker(project, options);
  await worker.ready();
  return worker;
}
