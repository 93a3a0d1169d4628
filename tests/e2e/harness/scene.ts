// What a file of end-to-end tests runs on: its own servers, and the projects and workers that its tests make. All of it ends with
// the file, or after each test, whatever became of the test.
import { afterAll, afterEach, beforeAll } from 'vitest';
import { startTestMinio, type TestMinio } from '../../servers/minio.js';
import { startTestTemporal, type TestTemporal } from '../../servers/temporal.js';
import { createProject, type CommandResult, type Project, type ProjectOptions } from './project.js';
import { startTestWorker, type TestWorker, type TestWorkerOptions } from './worker.js';

export interface SceneOptions {
  /** Whether a MinIO server is started beside Temporal. */
  readonly minio?: boolean;
  /** When projects and workers end: after each test, or with the file (the default). */
  readonly until?: 'test' | 'file';
}

export class Scene {
  #temporal: TestTemporal | null = null;
  #minio: TestMinio | null = null;
  readonly #projects: Project[] = [];
  readonly #workers: TestWorker[] = [];

  get temporal(): TestTemporal {
    if (this.#temporal === null) throw new Error('the Temporal server of this file is not started');
    return this.#temporal;
  }

  get minio(): TestMinio {
    if (this.#minio === null) throw new Error('this file has no MinIO server');
    return this.#minio;
  }

  async start({ minio = false }: SceneOptions): Promise<void> {
    [this.#temporal, this.#minio] = await Promise.all([startTestTemporal(), minio ? startTestMinio() : null]);
  }

  async stop(): Promise<void> {
    await this.clear();
    await Promise.all([this.#temporal?.stop(), this.#minio?.stop()]);
  }

  /** A project that knows the Temporal server. */
  async project(options: ProjectOptions = {}): Promise<Project> {
    const made = await createProject({ address: this.temporal.address, ...options });
    this.#projects.push(made);
    return made;
  }

  /** A worker of that project, ready. */
  async worker(of: Project, options: Omit<TestWorkerOptions, 'address'> = {}): Promise<TestWorker> {
    const started = await startTestWorker(of, { address: this.temporal.address, ...options });
    this.#workers.push(started);
    return started;
  }

  /** A project whose run was done to its end by one worker, undisturbed. @throws with what the command said */
  async finished(options: ProjectOptions = {}, worker: Omit<TestWorkerOptions, 'address'> = {}): Promise<Project> {
    const made = await this.project(options);
    const started = await this.worker(made, worker);
    succeeded(await made.assay('run', 'run.yaml', '--follow'));
    await started.stop();
    return made;
  }

  /** Ends all workers and removes all projects. */
  async clear(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((one) => one.stop('SIGKILL')));
    await Promise.all(this.#projects.splice(0).map((one) => one.remove()));
  }
}

/** @throws with the whole output of a command that did not end with code 0 or told of a failure */
export function succeeded({ code, stdout, stderr }: CommandResult): void {
  if (code !== 0 || stderr.includes('failed')) throw new Error(`exit code ${code}\n${stderr}${stdout}`);
}

/** The scene of the test file that calls this, started before its tests and ended after them. */
export function useScene(options: SceneOptions = {}): Scene {
  const scene = new Scene();
  beforeAll(() => scene.start(options), 120_000);
  if (options.until === 'test') afterEach(() => scene.clear());
  afterAll(() => scene.stop());
  return scene;
}
