// Lint rules of the project: typed strict rules, sizes, and what each layer may touch (imports: .dependency-cruiser.cjs).
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'No default exports: export by name, so that one thing has one name everywhere.',
};
const noMock = {
  selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(mock|doMock|hoisted)$/]",
  message: 'Files of tests share their modules: a file that replaces one is called NAME.mocked.test.ts and runs alone.',
};
const noBarrel = [
  {
    selector: 'ExportAllDeclaration',
    message: 'No barrels: import from the file that defines the name.',
  },
  {
    selector: 'ExportNamedDeclaration[source]',
    message: 'No barrels: import from the file that defines the name.',
  },
];
const noBareError = {
  // Wrapping what somebody else threw, or naming the reason of an abort, raises nothing.
  selector:
    "ThrowStatement > NewExpression[callee.name='Error'], CallExpression[callee.property.name='reject'] > NewExpression[callee.name='Error'], CallExpression[callee.name='reject'] > NewExpression[callee.name='Error']",
  message: 'Use InputError, DataError, ResourceError or TransientError (schemas/errors.ts).',
};
const environment = {
  object: 'process',
  property: 'env',
  message: 'Only workers, cli and web/server read the environment; take a parameter.',
};
const environmentImport = {
  name: 'node:process',
  message: 'Use the global `process`; the environment is read only by workers, cli and web/server.',
};
const clock = [
  { object: 'Date', property: 'now', message: 'core has no clock: take the time as a parameter.' },
  {
    object: 'performance',
    property: 'now',
    message: 'core has no clock: take the time as a parameter.',
  },
  {
    object: 'Math',
    property: 'random',
    message: 'Randomness is keyed by (seed, stage, shard or step): core/tensor/random.ts.',
  },
];
const clockGlobals = ['setTimeout', 'setInterval', 'performance', 'fetch', 'process'].map((name) => ({
  name,
  message: 'core has no clock, network or environment: take what is needed as a parameter.',
}));
const newDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: 'core has no clock: take the time as a parameter.',
};

/** Rules of style.md that no published plugin of this project's set checks. */
const style = {
  rules: {
    'opening-comment': {
      create: (context) => ({
        Program(node) {
          const source = context.sourceCode;
          const first = source.getAllComments().find((c) => c.type !== 'Shebang');
          const code = source.ast.body[0];
          if (!code || (first && first.range[1] <= code.range[0])) return;
          context.report({
            node,
            message: 'Open the file with one to three sentences: what it is for.',
          });
        },
      }),
    },
  },
};

const TYPED = ['**/*.ts'];

export default tseslint.config(
  {
    ignores: ['kernels/', 'node_modules/', 'dist/', '.cache/', 'coverage/', 'tests/fixtures/', 'examples/*/data/'],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: TYPED,
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { style },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/max-params': ['error', { max: 3 }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', noDefaultExport, ...noBarrel, noBareError],
      'no-restricted-properties': ['error', environment],
      'no-restricted-imports': ['error', environmentImport],
      'style/opening-comment': 'error',
    },
  },
  {
    files: ['core/**/*.ts'],
    rules: {
      'no-restricted-properties': ['error', environment, ...clock],
      'no-restricted-globals': ['error', ...clockGlobals],
      'no-restricted-syntax': ['error', noDefaultExport, ...noBarrel, noBareError, newDate],
    },
  },
  {
    files: ['workers/**/*.ts', 'cli/**/*.ts', 'web/server/**/*.ts', 'servers/**/*.ts', 'infra/**/*.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-imports': 'off' },
  },
  {
    // A promise that rejects before anybody waits for it fails the workflow's task: `void` does not handle it.
    files: ['workflows/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }] },
  },
  {
    // The entry that Temporal's bundler needs, and the one barrel that style.md allows.
    files: ['workflows/index.ts', 'schemas/index.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, noBareError] },
  },
  {
    files: ['bench/**/*.ts', 'tests/**/*.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-imports': 'off',
    },
  },
  {
    files: ['tests/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'no-restricted-syntax': ['error', noDefaultExport, ...noBarrel, noMock],
    },
  },
  {
    files: ['tests/unit/**/*.mocked.test.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport, ...noBarrel] },
  },
  {
    files: ['*.config.ts', '*.config.js'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'URL',
          'Buffer',
          'fetch',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'AbortController',
          'AbortSignal',
          'module',
          'performance',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
