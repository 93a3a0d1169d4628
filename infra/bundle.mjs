// Puts the modules of each program into few files: a start then reads a handful of them instead of hundreds, which is most of the
// time that a short command takes. Modules that are loaded on demand stay files of their own.
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Name of each program and its entry below dist/; `runtime/package-root.ts` says where they come to lie. */
const PROGRAMS = {
  assay: 'cli/main.js',
  worker: 'workers/main.js',
  child: 'stages/child-main.js',
  probe: 'runtime/probe-main.js',
  slice: 'dictionaries/slice/thread-main.js',
};

/** Programs of tests that are started hundreds of times. */
const OF_TESTS = { 'crash-child': 'tests/crash/child.js', 'training-child': 'tests/crash/trainings/child.js' };

/** Workflow code as Temporal's sandbox takes it; made here, because it takes seconds and every worker needs it. */
const WORKFLOWS = 'workflows';

/** The files that a whole build has in `dist/programs`, besides what they load on demand. */
export const PROGRAM_FILES = [...Object.keys(PROGRAMS), ...Object.keys(OF_TESTS), WORKFLOWS].map(
  (name) => `${name}.js`,
);

/** Packages of many small files, without native code, that most starts read. All others stay packages. */
const BUNDLED = [
  ...['zod', 'commander', 'fast-string-truncated-width', 'yaml'],
  ...['apache-arrow', 'flatbuffers', 'tslib', '@huggingface/tokenizers'],
];

/** Names of the files that the latest build made. */
const MADE = '.made.json';

/** Bundles the compiled sources in `dist` into `dist/programs`. Processes that start meanwhile find the files of one build or the other. */
export async function bundlePrograms(dist) {
  const dir = path.join(dist, 'programs');
  const fresh = path.join(dist, 'programs.new');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  await mkdir(dir, { recursive: true });
  const made = [...(await bundleEntries(dist, fresh)), await bundleWorkflows(dist, fresh)];
  // What entries load comes first: its names hold digests of its content, so that nothing is replaced by something else.
  const entries = made.filter((name) => PROGRAM_FILES.includes(name));
  for (const name of [...made.filter((one) => !entries.includes(one)), ...entries])
    await rename(path.join(fresh, name), path.join(dir, name));
  await rm(fresh, { recursive: true });
  await removeUnused(dir, made);
}

/** @returns the files' names */
async function bundleEntries(dist, dir) {
  const { rolldown } = await import('rolldown');
  const entries = Object.entries({ ...PROGRAMS, ...OF_TESTS });
  const input = Object.fromEntries(entries.map(([name, file]) => [name, path.join(dist, file)]));
  const plugins = [arrowBundled(dist)];
  const bundle = await rolldown({ input, platform: 'node', external: isPackage, cwd: dist, plugins });
  const { output } = await bundle.write({ dir, format: 'esm', entryFileNames: '[name].js' });
  await bundle.close();
  return output.map(({ fileName }) => fileName);
}

/** @returns the file's name */
async function bundleWorkflows(dist, dir) {
  const { DefaultLogger, bundleWorkflowCode } = await import('@temporalio/worker');
  const workflowsPath = path.join(dist, 'workflows', 'index.js');
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  const name = `${WORKFLOWS}.js`;
  await writeFile(path.join(dir, name), code);
  return name;
}

/** Puts apache-arrow's modules in the place of the package. @throws where nothing asks for the package any more */
function arrowBundled(dist) {
  const folder = path.join(dist, 'storage', 'arrow');
  let asked = false;
  return {
    name: 'arrow-bundled',
    resolveId(id, importer) {
      if (id !== './package.js' || path.dirname(importer ?? '') !== folder) return null;
      asked = true;
      return path.join(folder, 'package-bundled.js');
    },
    buildEnd() {
      if (!asked) throw new Error('Expected storage/arrow to import ./package.js, found nothing that does.');
    },
  };
}

function isPackage(id) {
  if (id.startsWith('.') || path.isAbsolute(id)) return false;
  return !BUNDLED.some((name) => id === name || id.startsWith(`${name}/`));
}

/** Processes of an earlier build may still load its files on demand for so long after the build that replaced it. */
const KEEP_MS = 7 * 24 * 3600_000;

/** Removes files that no build has made for a week; a file's time of change says when it fell out of use. */
export async function removeUnused(dir, made, nowMs = Date.now()) {
  const list = path.join(dir, MADE);
  const before = new Set(JSON.parse(await readFile(list, 'utf8').catch(() => '[]')));
  const kept = new Set([...made, MADE]);
  for (const name of (await readdir(dir)).filter((one) => !kept.has(one))) {
    const file = path.join(dir, name);
    if (before.has(name)) await utimes(file, nowMs / 1000, nowMs / 1000);
    else if ((await stat(file)).mtimeMs < nowMs - KEEP_MS) await rm(file, { force: true });
  }
  await writeFile(list, JSON.stringify(made));
}
