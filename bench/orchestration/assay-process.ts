// The real command line as a process, as a user starts it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { packageRoot } from '../../runtime/package-root.js';

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface CommandEnd {
  readonly stdout: string;
  /** From start to exit. */
  readonly ms: number;
}

/** Runs `assay ARGS` to its end. @throws RangeError with its stderr where it does not succeed */
export async function runAssay(args: readonly string[], { cwd, env = {} }: CommandOptions): Promise<CommandEnd> {
  const started = performance.now();
  const child = spawn(process.execPath, [path.join(packageRoot(), 'cli', 'assay.mjs'), ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (value) => {
      resolve(value ?? -1);
    });
  });
  const ms = performance.now() - started;
  if (code !== 0) throw new RangeError(`assay ${args.join(' ')} ended with ${code}: ${stderr}`);
  return { stdout, ms };
}
