// Puts the modules of each program into few files: a start then reads a handful of them instead of hundreds, which is most of the
// time that a short command takes. Modules that are loaded on demand stay files of their own.
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** Name of each program and its entry below dist/; `runtime/package-root.ts` says where they come to lie. */
export const PROGRAMS = {
  assay: 'cli/main.js',
  worker: 'workers/main.js',
  child: 'stages/child-main.js',
};

/** Packages of many small files that every command reads. All others stay packages. */
const BUNDLED = ['zod', 'commander'];

/** Bundles the compiled sources in `dist` into `dist/programs`. */
export async function bundlePrograms(dist) {
  const { rolldown } = await import('rolldown');
  const input = Object.fromEntries(Object.entries(PROGRAMS).map(([name, file]) => [name, path.join(dist, file)]));
  const bundle = await rolldown({ input, platform: 'node', external: isPackage, cwd: dist });
  const dir = path.join(dist, 'programs');
  const { output } = await bundle.write({ dir, format: 'esm', entryFileNames: '[name].js' });
  await bundle.close();
  await removeOthers(dir, new Set(output.map(({ fileName }) => fileName)));
}

function isPackage(id) {
  if (id.startsWith('.') || path.isAbsolute(id)) return false;
  return !BUNDLED.some((name) => id === name || id.startsWith(`${name}/`));
}

/** Files of earlier builds. */
async function removeOthers(dir, made) {
  for (const name of await readdir(dir)) if (!made.has(name)) await rm(path.join(dir, name), { force: true });
}
