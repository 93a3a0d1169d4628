import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../../servers/package-root.js';

interface Package {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}

const PERMISSIVE = ['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC'];

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
