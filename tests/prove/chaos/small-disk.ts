// A disk of its own for a proof, small enough to be filled: a tmpfs in a mount namespace that ends with the process. Linux with
// namespaces for users, or root; where there are none the proof goes on without full disks, and says so.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

const INSIDE = 'ASSAY_PROOF_NAMESPACE';
const FLAGS = ['--mount', '--map-root-user', '--user'];

/** Exit code of this same program run in a namespace of its own; null where this is it already, or where there can be none. */
export async function insideNamespace(): Promise<number | null> {
  if (process.env[INSIDE] !== undefined) return null;
  const flags = [FLAGS, FLAGS.slice(0, 1)].find(
    (own) => spawnSync('unshare', [...own, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0,
  );
  if (flags === undefined) return null;
  const args = [...flags, process.execPath, ...process.argv.slice(1)];
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) =>
    child.once('close', (code) => {
      resolve(code ?? 1);
    }),
  );
}

export class SmallDisk {
  readonly folder: string;
  /** Whether it can be filled. */
  readonly isOwn: boolean = process.env[INSIDE] !== undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  async mount(bytes: number): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    if (this.isOwn) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.folder]);
  }

  /** Takes all space that is left. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    const block = new Uint8Array(2 ** 20);
    try {
      for (let bytes = block.length; bytes >= 1;)
        try {
          writeSync(file, block, 0, bytes);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
          bytes = Math.floor(bytes / 2);
        }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    if (this.isOwn) execFileSync('umount', ['--lazy', this.folder]);
  }

  get #filler(): string {
    return path.join(this.folder, 'filler');
  }
}
