// Notes every file that the process opens through Node, so that a read outside a folder is seen whoever makes it.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PROMISED = ['readFile', 'open', 'readdir', 'opendir', 'readlink', 'access', 'stat', 'lstat', 'realpath'] as const;
const DIRECT = ['readFile', 'readFileSync', 'open', 'openSync', 'createReadStream', 'readdirSync', 'statSync'] as const;

/** What the project reads about its own processes. */
const OWN = /^\/proc\/(\d+|self)\/(status|stat)$/;

/** Paths opened while it is armed. */
export class FileWatch {
  readonly #opened = new Set<string>();
  #armed = false;

  /** Replaces Node's functions for the rest of the process's life. */
  constructor() {
    for (const name of PROMISED) this.#wrap(fs.promises, name);
    for (const name of DIRECT) this.#wrap(fs, name);
    syncBuiltinESMExports();
  }

  /** Forgets what was opened and starts to note. */
  arm(): void {
    this.#opened.clear();
    this.#armed = true;
  }

  /** Stops, and returns the paths that lie outside `folder`, links followed. */
  disarm(folder: string): string[] {
    this.#armed = false;
    const inside = (file: string): boolean => file === folder || file.startsWith(folder + path.sep);
    return [...this.#opened].filter((file) => !OWN.test(file) && (!inside(file) || !inside(realPath(file) ?? file)));
  }

  #wrap(owner: object, name: string): void {
    const functions = owner as Record<string, (...args: unknown[]) => unknown>;
    const original = functions[name];
    if (original === undefined) return;
    functions[name] = (...args) => {
      const [file] = args;
      // A question about a link's target is no read: only links that are followed to content count.
      if (this.#armed && (typeof file === 'string' || file instanceof URL)) this.#note(name, file);
      return original.apply(owner, args);
    };
  }

  #note(name: string, file: string | URL): void {
    const at = path.resolve(file instanceof URL ? fileURLToPath(file) : file);
    const asks = ['stat', 'lstat', 'realpath', 'statSync', 'access', 'readlink'].includes(name);
    if (asks && realPath(at) !== at) return;
    this.#opened.add(at);
  }
}

const realPathOf = fs.realpathSync.native;

function realPath(file: string): string | null {
  try {
    return realPathOf(file);
  } catch {
    return null;
  }
}
