// The build: what a killed or failed one leaves is not believed by the next, and a process of an earlier build still finds its files.
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../runtime/package-root.js';
import { loadScript } from '../unit/infra/scripts.js';
import { temporaryFolderOfTest } from '../harness/temporary-folder.js';
import { makeSandbox } from './sandbox.js';

/** A project of empty programs, with the real build. */
const SOURCES = {
  'core/text.ts': "export const text = 'first';\n",
  'cli/main.ts': "import { text } from '../core/text.js';\nconsole.log(text);\n",
  'workers/main.ts': 'export {};\n',
  'stages/child-main.ts': "import { arrow } from '../storage/arrow/arrow.js';\nconsole.log(arrow);\n",
  'runtime/probe-main.ts': 'export {};\n',
  'storage/arrow/arrow.ts': "export { arrow } from './package.js';\n",
  'dictionaries/slice/thread-main.ts': 'export {};\n',
  'tests/crash/child.ts': 'export {};\n',
  'tests/crash/trainings/child.ts': 'export {};\n',
  'workflows/index.ts': 'export async function nothing(): Promise<void> {}\n',
  'storage/arrow/package.ts': "export const arrow = 'package';\n",
  'storage/arrow/package-bundled.ts': "export const arrow = 'bundled';\n",
};

it('makes whole what a killed one left, whatever the compiler has on record', async () => {
  const folder = temporaryFolderOfTest('build');
  await makeSandbox(folder, SOURCES);
  const root = packageRoot();
  for (const name of ['tsconfig.build.json', 'package-lock.json'])
    await copyFile(path.join(root, name), path.join(folder, name));
  await cp(path.join(root, 'infra'), path.join(folder, 'infra'), {
    recursive: true,
    filter: (file) => !file.endsWith('.ts'),
  });
  await cp(path.join(root, 'kernels'), path.join(folder, 'kernels'), { recursive: true });
  const build = (): Promise<Ended> => node(path.join(folder, 'infra', 'build.mjs'));
  const output = path.join(folder, 'dist', 'core', 'text.js');
  const said = async (): Promise<string> =>
    (await node(path.join(folder, 'dist', 'programs', 'assay.js'))).output.trim();

  expect(await build()).toEqual({ code: 0, output: 'built dist/\n' });
  expect(await said()).toBe('first');
  expect((await build()).output).toContain('up to date');

  // Killed while it wrote a source's output; the source is then as it was before.
  await rm(path.join(folder, 'dist', '.stamp'));
  await writeFile(output, '');
  expect((await build()).output).toContain('built dist/');
  expect(await said()).toBe('first');

  // An output that cannot be written fails the build, and no later one.
  await writeFile(path.join(folder, 'core', 'text.ts'), "export const text = 'second';\n");
  await rm(output);
  await mkdir(output);
  const failed = await build();
  expect(failed.code).toBe(1);
  expect(failed.output).toContain('The compiler ended with errors');
  await rm(output, { recursive: true });
  expect((await build()).output).toContain('built dist/');
  expect(await said()).toBe('second');
}, 120_000);

it('knows every layer: what a build does not list it removes as stale', async () => {
  const root = packageRoot();
  const { include } = JSON.parse(await readFile(path.join(root, 'tsconfig.json'), 'utf8')) as { include: string[] };
  const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const outside = new Set(['node_modules', 'dist', 'kernels', 'examples', 'my']);
  const layers: string[] = [];
  for (const { name } of folders.filter(({ name }) => !outside.has(name) && !name.startsWith('.'))) {
    const files = await readdir(path.join(root, name), { recursive: true });
    if (files.some((file) => file.endsWith('.ts'))) layers.push(name);
  }
  expect(layers).toContain('organisms');
  expect(layers.filter((name) => !include.includes(name))).toEqual([]);
});

interface Ended {
  readonly code: number;
  /** Stdout, then stderr. */
  readonly output: string;
}

function node(script: string): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
  });
}

it('keeps the files of earlier builds for a week after they fell out of use', async () => {
  const { removeUnused } = await loadScript('bundle.mjs');
  const folder = temporaryFolderOfTest('unused');
  const day = 24 * 3600_000;
  const now = Date.now();
  const write = async (name: string, ageMs: number): Promise<void> => {
    await writeFile(path.join(folder, name), name);
    await utimes(path.join(folder, name), new Date(now - ageMs), new Date(now - ageMs));
  };
  await write('old.js', 100 * day);
  await write('entry.js', 100 * day);
  await removeUnused(folder, ['old.js', 'entry.js'], now);
  // A build that no longer makes it: it was made long ago, but was in use until now.
  await removeUnused(folder, ['entry.js', 'new.js'], now);
  expect(await readdir(folder)).toContain('old.js');
  expect((await stat(path.join(folder, 'old.js'))).mtimeMs).toBeCloseTo(now, -4);
  await removeUnused(folder, ['entry.js', 'new.js'], now + 6 * day);
  expect(await readdir(folder)).toContain('old.js');
  await removeUnused(folder, ['entry.js', 'new.js'], now + 8 * day);
  expect(await readdir(folder)).not.toContain('old.js');
  expect(await readFile(path.join(folder, 'entry.js'), 'utf8')).toBe('entry.js');
});
