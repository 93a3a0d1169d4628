// Who works in the proof of chaos: three workers and the commands of users, each watched. A command that does not end in time or ends
// in a fault of the product's own is a finding.
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestWorker, type TestWorker } from '../../e2e/harness/worker.js';
import type { CommandResult, Project } from '../../e2e/harness/project.js';
import path from 'node:path';

const WORKERS = 3;
/** Longest time of a command that does not follow a run. */
const COMMAND_MS = 120_000;

export class Crew {
  readonly project: Project;
  readonly findings: string[] = [];
  /** How many commands ended with each exit code, by command. */
  readonly codes = new Map<string, number>();
  readonly #address: string;
  readonly #folder: string;
  readonly #workers: (TestWorker | null)[] = Array.from({ length: WORKERS }, () => null);
  readonly #commands = new Set<Promise<unknown>>();

  constructor(project: Project, place: { readonly address: string; readonly folder: string }) {
    this.project = project;
    this.#address = place.address;
    this.#folder = place.folder;
  }

  /** A user's command to its end. @param limitMs after which it is killed and becomes a finding */
  async command(args: readonly string[], limitMs = COMMAND_MS): Promise<CommandResult> {
    const running = this.project.start(...args);
    const late = setTimeout(() => {
      this.findings.push(
        `\`assay ${args.join(' ')}\` did not end within ${limitMs / 1000} s: ${this.#withoutFolder(running.stderr())}`,
      );
      running.child.kill('SIGKILL');
    }, limitMs);
    const result = this.#named(await running.ended);
    clearTimeout(late);
    const said = result.stderr.split('\n').find((line) => line.startsWith('error:')) ?? '';
    const why = result.code === 0 ? '' : ` ${said.slice(0, 160)}`;
    const name = `${args[0] ?? ''} → ${result.code}${why.replaceAll(/\d+/g, 'N')}`;
    this.codes.set(name, (this.codes.get(name) ?? 0) + 1);
    const text = result.stderr + result.stdout;
    if (text.includes('fault of assay itself') || result.code < 0 || result.code > 3)
      this.findings.push(`\`assay ${args.join(' ')}\` ended with ${result.code}: ${text}`);
    return result;
  }

  /** What a command said, without the name of the proof's folder, which is another each time. */
  #named({ code, stdout, stderr }: CommandResult): CommandResult {
    return { code, stdout: this.#withoutFolder(stdout), stderr: this.#withoutFolder(stderr) };
  }

  #withoutFolder(text: string): string {
    return text.replaceAll(this.project.folder, 'PROJECT');
  }

  /** Starts a command and goes on; `allEnded` waits for it. */
  begin(...args: string[]): void {
    const ended: Promise<unknown> = this.command(args).finally(() => this.#commands.delete(ended));
    this.#commands.add(ended);
  }

  /** Starts a command and kills it after some time. */
  async killed(afterMs: number, ...args: string[]): Promise<void> {
    const running = this.project.start(...args);
    await sleep(afterMs);
    running.child.kill('SIGKILL');
    await running.ended;
  }

  async allEnded(): Promise<void> {
    await Promise.all(this.#commands);
  }

  /** Three workers that live; each keeps its folder over its deaths. */
  async fullStrength(): Promise<void> {
    for (const [i, worker] of this.#workers.entries()) {
      if (worker && !hasEnded(worker.pid)) continue;
      this.#workers[i] = await startTestWorker(this.project, {
        address: this.#address,
        folder: path.join(this.#folder, `worker-${i}`),
      });
    }
  }

  worker(i: number): TestWorker | null {
    return this.#workers[i % WORKERS] ?? null;
  }

  get folders(): string[] {
    return this.#workers.map((_, i) => path.join(this.#folder, `worker-${i}`));
  }

  /** Ends the workers as `down` does; the last lines of those that do not end with 0 are findings. */
  async stop(): Promise<void> {
    for (const worker of this.#workers) {
      if (!worker || hasEnded(worker.pid)) continue;
      const code = await worker.stop();
      if (code !== 0) this.findings.push(`a worker ended with ${String(code)} on SIGTERM: ${worker.log.slice(-2000)}`);
    }
  }
}

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
