// Scripts of bench/peers in the Python that the environment names; they are for development only.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../runtime/package-root.js';

const PYTHON = 'ASSAY_BENCH_PYTHON';

/** The Python that peers run in; null where none is named. */
export function peerPython(): string | null {
  return process.env[PYTHON] || null;
}

/** What to do where none is named. @param packages what it must have */
export function noPeerPython(packages: string): string {
  return `set ${PYTHON} to a Python with ${packages}`;
}

/** The last line that a script prints, as JSON. @throws RangeError with its stderr where it fails */
export async function runPeerScript<T>(python: string, name: string, options: readonly string[]): Promise<T> {
  const script = path.join(packageRoot(), 'bench', 'peers', name);
  const env = { ...process.env, WANDB_MODE: 'disabled', HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1' };
  const limits = { maxBuffer: 2 ** 26, env };
  const { stdout } = await promisify(execFile)(python, [script, ...options], limits).catch((error: unknown) => {
    const { stderr = '' } = error as { readonly stderr?: string };
    throw new RangeError(`${name} ${options.join(' ')} failed: ${stderr.slice(-2000)}`, { cause: error });
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}
