// Where the project lies and where its programs are, from the sources and from dist/ alike.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ResourceError } from '../schemas/errors.js';

/** The folder that holds the project's package.json. @throws ResourceError when the module was moved out of it */
export function packageRoot(): string {
  const start = path.dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = path.dirname(folder)) {
    // dist/ repeats the layout of the sources, but holds no package.json.
    if (existsSync(path.join(folder, 'package.json'))) return folder;
    if (path.dirname(folder) === folder) {
      throw new ResourceError(`Expected package.json in a folder above ${start}, found none.`, {
        start,
      });
    }
  }
}

/** What infra/bundle.mjs makes a file of: what starts as a process of its own, and the workflows that a worker runs. */
export type Program = 'assay' | 'worker' | 'child' | 'probe' | 'slice' | 'workflows';

/** The file of a program. */
export function programFile(program: Program): string {
  return path.join(packageRoot(), 'dist', 'programs', `${program}.js`);
}
