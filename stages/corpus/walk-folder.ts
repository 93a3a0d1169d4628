// The files below a folder, also through links, and what of it is left out. Links are followed after everything that lies there
// itself, and no folder is entered twice, so that links in a circle end and names do not depend on them.
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** Why something below a folder is left out. */
export type LeftOut = 'hidden' | 'link to a folder that is read already' | 'neither file nor folder';

export interface Walked {
  /** Relative paths (with /), sorted. */
  readonly files: readonly string[];
  readonly leftOut: readonly { readonly name: string; readonly why: LeftOut }[];
}

/** Everything below a folder; hidden names are left out. */
export async function walkFolder(folder: string): Promise<Walked> {
  const walk = new Walk(folder);
  await walk.enter('', await realpath(folder));
  await walk.followLinks();
  return { files: walk.files.sort(), leftOut: walk.leftOut };
}

class Walk {
  readonly files: string[] = [];
  readonly leftOut: { name: string; why: LeftOut }[] = [];
  readonly #folder: string;
  readonly #entered = new Set<string>();
  readonly #links: string[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param real the folder's path without links */
  async enter(relative: string, real: string): Promise<void> {
    if (this.#entered.has(real)) {
      this.leftOut.push({ name: relative, why: 'link to a folder that is read already' });
      return;
    }
    this.#entered.add(real);
    const entries = await readdir(path.join(this.#folder, relative), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (entry.name.startsWith('.')) this.leftOut.push({ name, why: 'hidden' });
      else if (entry.isDirectory()) await this.enter(name, path.join(real, entry.name));
      else if (entry.isSymbolicLink()) this.#links.push(name);
      else if (entry.isFile()) this.files.push(name);
      else this.leftOut.push({ name, why: 'neither file nor folder' });
    }
  }

  /** Links that lead nowhere count as files: whoever reads one says what is wrong with it. */
  async followLinks(): Promise<void> {
    for (let name = this.#links.shift(); name !== undefined; name = this.#links.shift()) {
      const full = path.join(this.#folder, name);
      const target = await stat(full).catch(() => null);
      if (target?.isDirectory()) await this.enter(name, await realpath(full));
      else if (!target || target.isFile()) this.files.push(name);
      else this.leftOut.push({ name, why: 'neither file nor folder' });
    }
  }
}
