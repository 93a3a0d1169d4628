// Each rule of .dependency-cruiser.cjs is broken once on purpose, in a copy; a rule that nothing breaks fails here too.
import { createRequire } from 'node:module';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../runtime/package-root.js';
import { temporaryFolder } from '../harness/temporary-folder.js';
import { makeSandbox } from './sandbox.js';

interface Plant {
  readonly rule: string;
  readonly file: string;
  readonly imports: string;
}

const LAYERS =
  'schemas core storage runtime dictionaries models organisms stages pipeline reading activities workers servers cli web infra'.split(
    ' ',
  );
const CORE =
  'identity text tensor statistics order onnx autodiff hooks decoders optimise dictionaries language-model interop circuits corpus evidence'.split(
    ' ',
  );

/** One file per violation. Targets are files of `TARGETS` or packages. */
const PLANTS: readonly Plant[] = [
  plant('layer-schemas', 'schemas/plant.ts', '../core/tensor/target.js'),
  plant('layer-core', 'core/tensor/plant.ts', '../../storage/target.js'),
  plant('layer-storage', 'storage/plant.ts', '../runtime/target.js'),
  plant('layer-runtime', 'runtime/plant.ts', '../storage/target.js'),
  plant('layer-dictionaries', 'dictionaries/plant.ts', '../storage/target.js'),
  plant('layer-models', 'models/plant.ts', '../stages/target.js'),
  plant('layer-organisms', 'organisms/plant.ts', '../storage/target.js'),
  plant('layer-stages', 'stages/plant.ts', '../pipeline/target.js'),
  plant('layer-pipeline', 'pipeline/plant.ts', '../reading/target.js'),
  plant('layer-reading', 'reading/plant.ts', '../pipeline/target.js'),
  plant('layer-servers', 'servers/plant.ts', '../storage/target.js'),
  plant('layer-activities', 'activities/plant.ts', '../workers/target.js'),
  plant('layer-workers', 'workers/plant.ts', '../cli/target.js'),
  plant('layer-cli', 'cli/plant.ts', '../workers/target.js'),
  plant('layer-web', 'web/server/plant.ts', '../../cli/target.js'),
  plant('layer-infra', 'infra/plant.ts', '../stages/target.js'),
  plant('core-identity', 'core/identity/plant.ts', '../tensor/target.js'),
  plant('core-tensor', 'core/tensor/plant-onnx.ts', '../onnx/target.js'),
  plant('core-statistics', 'core/statistics/plant.ts', '../onnx/target.js'),
  plant('core-order', 'core/order/plant.ts', '../onnx/target.js'),
  plant('core-onnx', 'core/onnx/plant.ts', '../autodiff/target.js'),
  plant('core-autodiff', 'core/autodiff/plant.ts', '../hooks/target.js'),
  plant('core-hooks', 'core/hooks/plant.ts', '../dictionaries/target.js'),
  plant('core-text', 'core/text/plant.ts', '../tensor/target.js'),
  plant('core-optimise', 'core/optimise/plant.ts', '../dictionaries/target.js'),
  plant('core-dictionaries', 'core/dictionaries/plant.ts', '../hooks/target.js'),
  plant('core-decoders', 'core/decoders/plant.ts', '../hooks/target.js'),
  plant('core-language-model', 'core/language-model/plant.ts', '../hooks/target.js'),
  plant('core-interop', 'core/interop/plant.ts', '../onnx/target.js'),
  plant('core-circuits', 'core/circuits/plant.ts', '../corpus/target.js'),
  plant('core-corpus', 'core/corpus/plant.ts', '../onnx/target.js'),
  plant('core-evidence', 'core/evidence/plant.ts', '../corpus/target.js'),
  plant('core-known-folders', 'core/misc/plant.ts', '../tensor/target.js'),
  plant('core-no-io', 'core/tensor/plant-fs.ts', 'node:fs/promises'),
  plant('core-no-io', 'core/tensor/plant-net.ts', 'node:net'),
  plant('core-no-io', 'core/tensor/plant-http.ts', 'node:http'),
  plant('core-no-io', 'core/tensor/plant-child.ts', 'node:child_process'),
  plant('core-no-io', 'core/tensor/plant-process.ts', 'node:process'),
  plant('core-no-io-packages', 'core/tensor/plant-s3.ts', '@aws-sdk/client-s3'),
  plant('only-runtime-imports-ort', 'stages/plant-ort.ts', 'onnxruntime-node'),
  plant('only-runtime-imports-ort', 'core/onnx/plant-ort.ts', 'onnxruntime-node'),
  plant('temporal-only-in-orchestration', 'stages/plant-temporal.ts', '@temporalio/client'),
  plant('temporal-only-in-orchestration', 'core/tensor/plant-temporal.ts', '@temporalio/common'),
  plant('activities-no-client', 'activities/plant-client.ts', '@temporalio/client'),
  plant('constants-import-nothing', 'schemas/stages.ts', './target.js'),
  plant('schemas-only-zod', 'schemas/plant-fs.ts', 'node:fs'),
  plant('workflows-closed', 'workflows/plant.ts', '../activities/target.js'),
  plant('workflows-closed', 'workflows/plant-fs.ts', 'node:fs'),
  plant('workflows-closed', 'workflows/plant-zod.ts', 'zod'),
  plant('workflows-closed', 'workflows/plant-schemas.ts', '../schemas/target.js'),
  {
    rule: 'workflows-types',
    file: 'workflows/plant-types.ts',
    imports: "import type { target } from '../storage/target.js';\nexport type T = typeof target;\n",
  },
  plant('nothing-imports-tests', 'storage/plant-tests.ts', '../tests/target.js'),
  plant('no-cycles', 'storage/plant-cycle-a.ts', './plant-cycle-b.js'),
  plant('no-unresolvable', 'storage/plant-missing.ts', './not-there.js'),
  plant('declared-packages', 'storage/plant-dev.ts', 'fast-check'),
];

const FOLDERS = [...LAYERS, 'workflows', 'tests', ...CORE.map((name) => `core/${name}`)];
const TARGETS = {
  ...Object.fromEntries(FOLDERS.map((folder) => [`${folder}/target.ts`, 'export const target = 1;\n'])),
  'storage/plant-cycle-b.ts': importOf('./plant-cycle-a.js'),
};
/** What the rules allow, so that a rule which forbids everything is noticed. */
const ALLOWED: Readonly<Record<string, string>> = {
  'runtime/allowed.ts': importOf('onnxruntime-node'),
  'core/tensor/allowed.ts': importOf('node:crypto') + importOf('../identity/target.js'),
  'stages/allowed.ts': importOf('../storage/target.js') + importOf('../runtime/target.js'),
  'workflows/allowed.ts':
    importOf('@temporalio/workflow') +
    "import type { target as t } from '../activities/target.js';\nexport type T = typeof t;\n",
  'activities/allowed.ts': importOf('@temporalio/activity') + importOf('../stages/target.js'),
};

let violations: readonly { from: string; rule: { name: string } }[];
const folder = temporaryFolder('layers');
beforeAll(async () => {
  const plants = Object.fromEntries(PLANTS.map(({ file, imports }) => [file, imports]));
  const sandbox = await makeSandbox(folder, { ...TARGETS, ...ALLOWED, ...plants });
  const { stdout } = await sandbox.run(
    ['dependency-cruiser', 'bin', 'dependency-cruise.mjs'],
    ['--config', '.dependency-cruiser.cjs', '--no-cache', '--output-type', 'json', '.'],
  );
  violations = (JSON.parse(stdout) as { summary: { violations: typeof violations } }).summary.violations;
});

it.each(PLANTS)('$rule catches $file', ({ rule, file }) => {
  const fired = violations.filter(({ from }) => from === file).map((v) => v.rule.name);
  expect(fired).toContain(rule);
});

it.each(Object.keys(ALLOWED))('no rule forbids %s', (file) => {
  expect(violations.filter(({ from }) => from === file)).toEqual([]);
});

it('every rule has a plant', () => {
  const require = createRequire(import.meta.url);
  const config = require(path.join(packageRoot(), '.dependency-cruiser.cjs')) as {
    forbidden: { name: string }[];
  };
  const planted = new Set(PLANTS.map(({ rule }) => rule));
  expect(config.forbidden.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([]);
});

function importOf(target: string): string {
  return `import '${target}';\n`;
}

function plant(rule: string, file: string, target: string): Plant {
  return { rule, file, imports: importOf(target) };
}
