// Compiles the sources into dist/ and bundles the programs; nothing when dist/ is already made of them. Removes outputs whose
// source is gone.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PROGRAM_FILES, bundlePrograms } from './bundle.mjs';
import { withLock } from './lock.mjs';
import { ROOT, SetupError, isMain, main, runCommand } from './processes.mjs';

const DIST = path.join(ROOT, 'dist');
const STAMP = path.join(DIST, '.stamp');
const INFO = path.join(DIST, '.tsbuildinfo');

/** Whether a source changed since the last whole build. */
export async function needsBuild() {
  return !(await lookAt()).fresh;
}

/** What there is to compile, and whether dist/ is whole and made of it. */
async function lookAt() {
  const sources = await listSources();
  const stamp = await stampOf([...sources, ...(await kernelSources())]);
  const compiled = sources.map(outputOfSource);
  const programs = PROGRAM_FILES.map((name) => path.join(DIST, 'programs', name));
  const before = await readFile(STAMP, 'utf8').catch(() => null);
  const whole = before !== null && [...compiled, ...programs, KERNELS.output].every((file) => existsSync(file));
  return { stamp, compiled, whole, fresh: whole && before === stamp };
}

/** Compiles when a source changed since the last whole build. @returns whether it had to */
export async function build() {
  const { stamp, compiled, whole, fresh } = await lookAt();
  if (fresh) return false;
  await mkdir(DIST, { recursive: true });
  // The compiler believes its own record of outputs and errors, which holds only for a build that ended whole.
  if (!whole) await rm(INFO, { force: true });
  await rm(STAMP, { force: true });
  await removeStale(new Set(compiled));
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await runCommand(process.execPath, [tsc, '-p', 'tsconfig.build.json']);
  if (code !== 0) throw new SetupError('The compiler ended with errors, which stand above; mend them and build again.');
  await compileKernels();
  await bundlePrograms(DIST);
  await writeFile(STAMP, stamp);
  return true;
}

/** Kernels as WebAssembly, and the names of their sources. */
const KERNELS = { folder: 'kernels', output: path.join(DIST, 'kernels', 'kernels.wasm') };

async function kernelSources() {
  return (await readdir(path.join(ROOT, KERNELS.folder))).sort().map((name) => path.join(KERNELS.folder, name));
}

async function compileKernels() {
  const asc = path.join(ROOT, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
  const code = await runCommand(process.execPath, [
    ...[asc, path.join(KERNELS.folder, 'index.ts'), '--outFile', path.relative(ROOT, KERNELS.output)],
    ...['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'bulk-memory'],
    ...['--importMemory', '--disableWarning', '--noColors'],
  ]);
  if (code !== 0) throw new SetupError('The kernels were not compiled; mend what stands above and build again.');
}

async function listSources() {
  const config = JSON.parse(await readFile(path.join(ROOT, 'tsconfig.json'), 'utf8'));
  const folders = config.include.filter((name) => existsSync(path.join(ROOT, name)) && !name.includes('.'));
  const lists = await Promise.all(folders.map((folder) => readdir(path.join(ROOT, folder), { recursive: true })));
  return folders
    .flatMap((folder, i) => lists[i].map((name) => path.join(folder, name)))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .filter((name) => !name.endsWith('.test.ts') && !name.includes(`fixtures${path.sep}`))
    .sort();
}

async function stampOf(sources) {
  const hash = createHash('sha256');
  for (const name of ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'infra/bundle.mjs', ...sources]) {
    const info = await stat(path.join(ROOT, name));
    hash.update(`${name} ${info.size} ${info.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function outputOfSource(name) {
  return path.join(DIST, name.replace(/\.ts$/, '.js'));
}

async function removeStale(outputs) {
  for (const name of await readdir(DIST, { recursive: true })) {
    if (name.startsWith('programs')) continue; // the bundler's
    const file = path.join(DIST, name);
    const output = file.replace(/\.map$/, '');
    if (output.endsWith('.js') && !outputs.has(output)) await rm(file, { force: true });
  }
}

if (isMain(import.meta.url)) {
  const does = 'Compiles the sources into dist/ where they changed.';
  await main({ command: 'npm run build', does }, async () => {
    console.log((await withLock('setup', build)) ? 'built dist/' : 'dist/ is up to date');
  });
}
