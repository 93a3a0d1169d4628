// Each rule of style.md that lint holds is broken once on purpose, in a copy, where it must be reported.
import { beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../harness/temporary-folder.js';
import { makeSandbox } from './sandbox.js';

interface Plant {
  readonly what: string;
  readonly file: string;
  readonly code: string;
  /** Rule that must report it, or null where it is allowed. */
  readonly rule: string | null;
}

const environment = 'export const home = process.env["HOME"];\n';
const lines = (count: number, indent = ''): string =>
  Array.from({ length: count }, (_, i) => `${indent}total += ${i};\n`).join('');
const longFunction = (count: number): string =>
  `export function sum(): number {\n  let total = 0;\n${lines(count, '  ')}  return total;\n}\n`;

const PLANTS: readonly Plant[] = [
  ...['schemas', 'core/tensor', 'storage', 'runtime', 'stages', 'activities', 'workflows'].map((folder) => ({
    what: `${folder} reads the environment`,
    file: `${folder}/environment.ts`,
    code: environment,
    rule: 'no-restricted-properties',
  })),
  ...['workers', 'cli', 'web/server', 'infra', 'bench', 'tests/unit'].map((folder) => ({
    what: `${folder} reads the environment`,
    file: `${folder}/environment.ts`,
    code: environment,
    rule: null,
  })),
  {
    what: 'the environment by an import',
    file: 'stages/environment-import.ts',
    code: "import { env } from 'node:process';\nexport const home = env['HOME'];\n",
    rule: 'no-restricted-imports',
  },
  {
    what: 'a test that replaces a module for all others',
    file: 'tests/unit/replaces.test.ts',
    code: "import { vi } from 'vitest';\nvi.mock('node:fs');\n",
    rule: 'no-restricted-syntax',
  },
  {
    what: 'a test that replaces a module and runs alone',
    file: 'tests/unit/replaces.mocked.test.ts',
    code: "import { vi } from 'vitest';\nvi.mock('node:fs');\n",
    rule: null,
  },
  bad('a default export', 'no-restricted-syntax', 'export default 1;\n'),
  bad('a barrel', 'no-restricted-syntax', "export * from './environment.js';\n"),
  bad('a re-export by name', 'no-restricted-syntax', "export { home } from './environment.js';\n"),
  bad('a bare Error', 'no-restricted-syntax', "export function f(): void {\n  throw new Error('x');\n}\n"),
  bad(
    'a rejection with a bare Error',
    'no-restricted-syntax',
    "export const f = (): Promise<void> => Promise.reject(new Error('x'));\n",
  ),
  bad('console in a library', 'no-console', "console.log('x');\nexport const x = 1;\n"),
  bad(
    'a floating promise',
    '@typescript-eslint/no-floating-promises',
    'export function f(): void {\n  Promise.resolve(1);\n}\n',
  ),
  {
    what: 'a promise of a workflow that nobody handles',
    file: 'workflows/floating.ts',
    code: 'export function f(): void {\n  void Promise.resolve(1);\n}\n',
    rule: '@typescript-eslint/no-floating-promises',
  },
  {
    what: 'a promise outside workflows that is left on purpose',
    file: 'storage/floating.ts',
    code: 'export function f(): void {\n  void Promise.resolve(1);\n}\n',
    rule: null,
  },
  bad('any', '@typescript-eslint/no-explicit-any', 'export const x = (y: any): number => 1 + y;\n'),
  bad(
    'a non-null assertion',
    '@typescript-eslint/no-non-null-assertion',
    'export const f = (x: string | null): string => x!;\n',
  ),
  bad(
    'four positional parameters',
    '@typescript-eslint/max-params',
    'export const f = (a: number, b: number, c: number, d: number): number => a + b + c + d;\n',
  ),
  bad('a function of more than 60 lines', 'max-lines-per-function', longFunction(60)),
  bad('a file of more than 300 lines', 'max-lines', `let total = 0;\n${lines(300)}export { total };\n`),
  {
    what: 'a function of 50 lines',
    file: 'storage/fits.ts',
    code: longFunction(50),
    rule: null,
  },
  {
    what: 'a number in a template',
    file: 'storage/template.ts',
    code: 'export const f = (n: number): string => `${n} rows`;\n',
    rule: null,
  },
  {
    what: 'a file without an opening comment',
    file: 'storage/silent.ts',
    code: 'export const x = 1;\n',
    rule: 'style/opening-comment',
  },
  {
    what: 'a test file without an opening comment',
    file: 'tests/unit/silent.test.ts',
    code: 'export const x = 1;\n',
    rule: 'style/opening-comment',
  },
  inCore('Date.now', 'no-restricted-properties', 'export const f = (): number => Date.now();\n'),
  inCore('new Date', 'no-restricted-syntax', 'export const f = (): Date => new Date();\n'),
  inCore('Math.random', 'no-restricted-properties', 'export const f = (): number => Math.random();\n'),
  inCore('fetch', 'no-restricted-globals', "export const f = (): unknown => fetch('http://x');\n"),
  inCore('a timer', 'no-restricted-globals', 'export const f = (): unknown => setTimeout(() => 1, 1);\n'),
  inCore('process', 'no-restricted-globals', 'export const f = (): number => process.pid;\n'),
];

let reported: Map<string, string[]>;
const folder = temporaryFolder('layers');
beforeAll(async () => {
  const files = PLANTS.map(({ file, code, rule }) => [
    file,
    rule === 'style/opening-comment' ? code : `// A planted file.\n${code}`,
  ]);
  const sandbox = await makeSandbox(folder, Object.fromEntries(files) as Record<string, string>);
  const { stdout } = await sandbox.run(
    ['eslint', 'bin', 'eslint.js'],
    ['--format', 'json', ...PLANTS.map(({ file }) => file)],
  );
  const results = JSON.parse(stdout) as { filePath: string; messages: { ruleId: string }[] }[];
  reported = new Map(
    results.map(({ filePath, messages }) => [
      filePath.slice(filePath.indexOf('assay-layers-')).replace(/^[^/]*\//, ''),
      messages.map(({ ruleId }) => ruleId),
    ]),
  );
});

it.each(PLANTS)('$what is judged by $rule', ({ file, rule }) => {
  if (rule === null) expect(reported.get(file)).toEqual([]);
  else expect(reported.get(file)).toContain(rule);
});

function bad(what: string, rule: string, code: string): Plant {
  return { what, file: `storage/${what.replaceAll(' ', '-')}.ts`, code, rule };
}

function inCore(what: string, rule: string, code: string): Plant {
  return {
    what: `${what} in core`,
    file: `core/tensor/${what.replaceAll(' ', '-')}.ts`,
    code,
    rule,
  };
}
