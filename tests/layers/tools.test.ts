// Format, types and dead code: a planted mistake makes each tool fail, and a clean file does not.
import { expect, it } from 'vitest';
import { temporaryFolderOfTest } from '../harness/temporary-folder.js';
import { makeSandbox } from './sandbox.js';

const TSC = ['typescript', 'bin', 'tsc'];
const PRETTIER = ['prettier', 'bin', 'prettier.cjs'];
const KNIP = ['knip', 'bin', 'knip.js'];

it.each([
  ['an index that may be missing', 'export const f = (x: number[]): number => x[0];\n', 'TS2322'],
  ['undefined given to an optional property', 'export const x: { a?: number } = { a: undefined };\n', 'TS2375'],
  [
    'a property read through an index signature by a dot',
    'export const f = (x: Record<string, number>): unknown => x.a;\n',
    'TS4111',
  ],
  ['an enum', 'export enum E {\n  A,\n}\n', 'TS1294'],
  ['a parameter property', 'export class C {\n  constructor(readonly a: number) {}\n}\n', 'TS1294'],
  ['a type imported as a value', "import { T } from './other.js';\nexport const t: T = 1;\n", 'TS1484'],
  [
    'a case that falls through',
    'export function f(x: number): number {\n  switch (x) {\n    case 1:\n      x++;\n    case 2:\n      return x;\n  }\n  return 0;\n}\n',
    'TS7029',
  ],
])('types refuse %s', async (_what, code, error) => {
  const sandbox = await makeSandbox(temporaryFolderOfTest('layers'), {
    'schemas/plant.ts': code,
    'schemas/other.ts': 'export type T = number;\n',
  });
  const { code: exit, stdout } = await sandbox.run(TSC, ['--noEmit', '-p', '.']);
  expect(stdout).toContain(`schemas/plant.ts`);
  expect(stdout).toContain(error);
  expect(exit).not.toBe(0);
});

it('format refuses a line of more than 100 characters and double quotes', async () => {
  const good = "export const text = 'fine';\n";
  const long = `export const list = [${'1000000000, '.repeat(9)}1];\n`;
  const sandbox = await makeSandbox(temporaryFolderOfTest('layers'), {
    'schemas/good.ts': good,
    'schemas/long.ts': long,
    'schemas/quotes.ts': 'export const text = "double";\n',
  });
  const { code, stdout } = await sandbox.run(PRETTIER, ['--list-different', 'schemas']);
  expect(stdout.trim().split('\n')).toEqual(['schemas/long.ts', 'schemas/quotes.ts']);
  expect(code).toBe(1);
});

it('dead code is found: a file that nothing uses and an export that nobody imports', async () => {
  const sandbox = await makeSandbox(temporaryFolderOfTest('layers'), {
    'cli/main.ts': "import { used } from './used.js';\nused();\n",
    'cli/used.ts': 'export function used(): void {}\nexport function unusedExport(): void {}\n',
    'cli/orphan.ts': 'export const orphan = 1;\n',
  });
  const { code, stdout } = await sandbox.run(KNIP, ['--include', 'files,exports', '--no-progress']);
  expect(stdout).toContain('cli/orphan.ts');
  expect(stdout).toContain('unusedExport');
  expect(stdout).not.toMatch(/\bused\s+cli/);
  expect(code).toBe(1);
});
