// Who may import whom. Every rule is proved by a planted violation in tests/layers.

/** Layers that each layer may import besides itself; types and values alike. */
const LAYERS = {
  schemas: [],
  core: ['schemas'],
  storage: ['schemas', 'core'],
  runtime: ['schemas', 'core'],
  dictionaries: ['schemas', 'core', 'runtime'],
  models: ['schemas', 'core', 'storage', 'runtime', 'dictionaries'],
  organisms: ['schemas', 'core'],
  stages: ['schemas', 'core', 'storage', 'runtime', 'dictionaries', 'models', 'organisms'],
  pipeline: ['schemas', 'core', 'storage', 'runtime', 'dictionaries', 'models', 'organisms', 'stages'],
  reading: ['schemas', 'core', 'storage', 'runtime', 'dictionaries', 'models', 'stages'],
  activities: ['schemas', 'core', 'storage', 'runtime', 'stages', 'pipeline'],
  workers: ['schemas', 'core', 'storage', 'runtime', 'stages', 'pipeline', 'activities'],
  servers: ['schemas', 'core', 'runtime'],
  cli: ['schemas', 'core', 'storage', 'runtime', 'dictionaries', 'models', 'stages', 'pipeline', 'reading', 'servers'],
  web: ['schemas', 'core', 'storage', 'runtime', 'dictionaries', 'models', 'stages', 'reading'],
  infra: ['schemas', 'core', 'storage', 'runtime', 'reading', 'servers'],
};

/** Inside core: folders that each folder may import besides itself and schemas. */
const CORE = {
  identity: [],
  text: [],
  tensor: ['identity'],
  statistics: ['identity', 'tensor'],
  onnx: ['identity', 'tensor'],
  autodiff: ['identity', 'tensor', 'onnx'],
  hooks: ['identity', 'text', 'tensor', 'onnx', 'autodiff'],
  decoders: ['identity', 'tensor', 'onnx'],
  order: ['identity', 'tensor'],
  optimise: ['identity', 'tensor', 'onnx', 'autodiff'],
  dictionaries: ['identity', 'tensor', 'statistics', 'onnx', 'autodiff', 'order', 'optimise'],
  'language-model': ['identity', 'tensor', 'onnx', 'autodiff', 'order', 'optimise'],
  interop: ['identity', 'text', 'tensor'],
  circuits: ['identity', 'tensor', 'onnx', 'autodiff', 'hooks', 'dictionaries'],
  corpus: ['identity', 'text', 'tensor'],
  evidence: ['identity', 'tensor'],
};

const ALL = [...Object.keys(LAYERS), 'workflows', 'bench', 'tests', 'examples'];
/** Files of names and numbers, which workflow code may import. */
const CONSTANTS = 'schemas/(stages|orchestration|exit)\\.ts$';
const any = (names) => `(${names.join('|')})`;
const npm = (names) => `(^|node_modules/)${any(names)}(/|$)`;

const layerRules = Object.entries(LAYERS).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `${layer} may import ${[layer, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^${layer}/` },
  to: { path: `^${any(ALL)}/`, pathNot: `^${any([layer, ...allowed])}/` },
}));

const coreRules = Object.entries(CORE).map(([folder, allowed]) => ({
  name: `core-${folder}`,
  comment: `core/${folder} may import schemas and core/${any([folder, ...allowed])}`,
  severity: 'error',
  from: { path: `^core/${folder}/` },
  to: { path: '^core/', pathNot: `^core/${any([folder, ...allowed])}/` },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    ...coreRules,
    {
      name: 'core-known-folders',
      comment: 'a new folder of core gets a row in the table above, so that its place is decided',
      severity: 'error',
      from: { path: '^core/', pathNot: `^core/${any(Object.keys(CORE))}/` },
      to: {},
    },
    {
      name: 'core-no-io',
      comment: 'core has no files, network, clock or environment; node:crypto hashes',
      severity: 'error',
      from: { path: '^core/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'core-no-io-packages',
      comment: 'core needs no package besides pure ones',
      severity: 'error',
      from: { path: '^core/' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'],
        pathNot: npm(['zod', '@huggingface/tokenizers']),
      },
    },
    {
      name: 'only-runtime-imports-ort',
      comment: 'runtime is the only door to ONNX Runtime (tests and benches compare with it)',
      severity: 'error',
      from: { path: `^${any(ALL)}/`, pathNot: '^(runtime|tests|bench)/' },
      to: { path: npm(['onnxruntime-node', 'onnxruntime-common', 'onnxruntime-web']) },
    },
    {
      name: 'temporal-only-in-orchestration',
      comment: 'stages and below know nothing of Temporal',
      severity: 'error',
      from: { path: '^(schemas|core|storage|runtime|dictionaries|models|organisms|stages|pipeline|reading)/' },
      to: { path: npm(['@temporalio']) },
    },
    {
      name: 'activities-no-client',
      comment: 'activities speak to Temporal only as activities',
      severity: 'error',
      from: { path: '^activities/' },
      to: { path: npm(['@temporalio/(client|worker|workflow)']) },
    },
    {
      name: 'constants-import-nothing',
      comment: 'workflow code imports these files of constants, so they stay free of everything',
      severity: 'error',
      from: { path: `^${CONSTANTS}` },
      to: {},
    },
    {
      name: 'schemas-only-zod',
      comment: 'contracts need zod and nothing else',
      severity: 'error',
      from: { path: '^schemas/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'],
        pathNot: npm(['zod']),
      },
    },
    {
      // Holds for every file in workflows, and the constants import nothing, so no value import
      // leads from a workflow to I/O by any number of steps.
      name: 'workflows-closed',
      comment: 'workflows import values only from workflows, the constants of schemas and Temporal',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        dependencyTypesNot: ['type-only'],
        pathNot: `^workflows/|^${CONSTANTS}|${npm(['@temporalio/(workflow|common)'])}`,
      },
    },
    {
      name: 'workflows-types',
      comment: 'workflows import types only from schemas, activities and Temporal',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        dependencyTypes: ['type-only'],
        pathNot: `^(workflows|schemas|activities)/|${npm(['@temporalio/(workflow|common)'])}`,
      },
    },
    {
      name: 'nothing-imports-tests',
      comment: 'the product does not depend on its tests or benches',
      severity: 'error',
      from: { path: `^${any([...Object.keys(LAYERS), 'workflows'])}/` },
      to: { path: '^(tests|bench)/' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle means that two files are one thing or that a third is missing',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'every import resolves',
      severity: 'error',
      from: { path: '\\.ts$' },
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-packages',
      comment:
        'what the product imports stands in dependencies, not only in devDependencies; scripts that build it may use those',
      severity: 'error',
      from: { path: `^${any([...Object.keys(LAYERS), 'workflows'])}/`, pathNot: '^infra/[^/]+\\.mjs$' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.cache|coverage|tests/fixtures)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
    cache: { folder: '.cache/dependency-cruiser', strategy: 'content' },
  },
};
