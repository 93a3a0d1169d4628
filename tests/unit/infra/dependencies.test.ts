// Proves that docs/dependencies.md names every package with its true licence, that the lock file serves every system
// without a download address, and that an installation runs no script and gives npm no reason to warn.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../runtime/package-root.js';

interface Package {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

const PERMISSIVE = ['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC'];

/** Packages whose install script .npmrc switches off, with what it would do. */
const WITHOUT_THEIR_SCRIPT = {
  'node_modules/@grpc/proto-loader/node_modules/protobufjs': 'warns of version ranges',
  'node_modules/@swc/core': 'looks for the program of this system, which is a package of its own',
  'node_modules/onnxruntime-node': 'downloads CUDA libraries, which fails without a network',
};

const root = packageRoot();
let declared: Package;
let tables: readonly (readonly string[])[][];
beforeAll(async () => {
  declared = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as Package;
  const text = await readFile(path.join(root, 'docs', 'dependencies.md'), 'utf8');
  tables = text
    .split(/^## /m)
    .slice(1)
    .map((section) =>
      section
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .slice(2)
        .map((line) =>
          line
            .split('|')
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ),
    );
});

it('the first table names exactly the dependencies of package.json', () => {
  expect(tables[0]?.map((row) => row[0])).toEqual(Object.keys(declared.dependencies).sort());
});

it('the second table names exactly the development dependencies', () => {
  expect(tables[1]?.map((row) => row[0])).toEqual(Object.keys(declared.devDependencies).sort());
});

it('every row says what for, why, the licence and what would replace it', () => {
  for (const row of tables.flat()) {
    expect(row).toHaveLength(5);
    expect(row.every((cell) => cell.length > 0)).toBe(true);
  }
});

it('the licence of every package is as its own package.json says, and permissive', async () => {
  for (const row of [...(tables[0] ?? []), ...(tables[1] ?? [])]) {
    const file = path.join(root, 'node_modules', row[0] ?? '', 'package.json');
    expect(existsSync(file), file).toBe(true);
    const { license } = JSON.parse(await readFile(file, 'utf8')) as { license: string };
    expect([row[0], row[3]]).toEqual([row[0], license]);
    expect(PERMISSIVE).toContain(license);
  }
});

it('the lock file names no download address', async () => {
  const lock = await readFile(path.join(root, 'package-lock.json'), 'utf8');
  expect(lock).not.toContain('"resolved"');
});

it('the lock file holds the programs of every system, so that `npm ci` works on each', async () => {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const names = new Set(Object.keys(lock.packages).map((key) => key.slice(key.lastIndexOf('node_modules/') + 13)));
  const wanted = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies),
  );
  expect(wanted.length).toBeGreaterThan(20);
  expect(wanted.filter((name) => !names.has(name))).toEqual([]);
});

it('no package needs its install script: each that has one is known to do without', async () => {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const scripted = Object.keys(lock.packages).filter((name) => lock.packages[name]?.hasInstallScript);
  expect(scripted.sort()).toEqual(Object.keys(WITHOUT_THEIR_SCRIPT).sort());
});

it('.npmrc switches install scripts off, and npm knows every setting in it', async () => {
  // Settings that a running npm hands on would hide those of the file.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  const { stdout, stderr } = await promisify(execFile)('npm', ['config', 'get', 'ignore-scripts'], { cwd: root, env });
  expect(stdout.trim()).toBe('true');
  expect(stderr).not.toMatch(/unknown project config/i);
});
