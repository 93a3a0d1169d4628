// A dictionary beside the same one of a model without training, and a dictionary that comes back from the files of another program:
// the commands of docs/metrics.md and docs/interop.md, one after the other.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { TINY_LM } from '../harness/fixtures.js';
import type { Project } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';

interface Metric {
  readonly value: number;
  readonly lo: number;
  readonly hi: number;
  readonly n: number;
}

interface Evaluation {
  readonly metrics: Readonly<Record<'fvu' | 'l0' | 'deltaCeNats', Metric>>;
  readonly controls: Readonly<Record<string, Readonly<Record<'fvu' | 'fvuDifference', Metric>>>>;
}

const scene = useScene();
let project: Project;

beforeAll(async () => {
  project = await scene.project({ chapters: 60 });
  await scene.worker(project);
  succeeded(await project.assay('run', 'run.yaml', '--follow'));
}, 120_000);

const evaluate = (...args: readonly string[]): Promise<Evaluation> =>
  project.json<Evaluation>('sae', 'eval', ...args, '--bootstrap', '50');

/** Runs the project's run file with other fields, by another name. */
async function runAs(name: string, change: (file: Record<string, object>) => object): Promise<void> {
  const file = parse(await readFile(path.join(project.folder, 'run.yaml'), 'utf8')) as Record<string, object>;
  await writeFile(path.join(project.folder, `${name}.yaml`), stringify({ ...file, name, ...change(file) }));
  succeeded(await project.assay('run', `${name}.yaml`, '--follow'));
}

it('is compared with the same dictionary of the model without training', async () => {
  const onnx = path.join(project.folder, 'random.onnx');
  const model = path.join(TINY_LM, 'model.onnx');
  succeeded(await project.assay('model', 'randomise', model, '--out', onnx));
  const early = await project.assay('sae', 'eval', 'small/sae', '--random-model', 'random');
  expect([early.code, early.stderr]).toEqual([
    2,
    expect.stringContaining('Expected random/sae to compare with, found none'),
  ]);
  await runAs('random', (file) => ({ model: { ...file['model'], onnx } }));
  const unmeasured = await project.assay('sae', 'eval', 'small/sae', '--random-model', 'random');
  expect(unmeasured.stderr).toContain('found none; run `assay sae eval random/sae` first.');
  const random = await evaluate('random/sae');
  const alone = await evaluate('small/sae');
  expect(alone.controls).not.toHaveProperty('randomModel');
  const { metrics, controls } = await evaluate('small/sae', '--random-model', 'random');
  expect(metrics).toEqual(alone.metrics);
  const { randomModel, ...others } = controls;
  expect(others).toEqual(alone.controls);
  expect(randomModel?.fvu).toEqual(random.metrics.fvu);
  const [own, other] = [metrics.fvu, random.metrics.fvu];
  expect(randomModel?.fvuDifference).toEqual({
    ...{ value: own.value - other.value, lo: own.lo - other.hi, hi: own.hi - other.lo, n: other.n },
  });
  const shown = await project.assay('sae', 'eval', 'small/sae', '--random-model', 'random', '--bootstrap', '50');
  expect(shown.stdout).toContain('model without training');
  const same = await project.assay('sae', 'eval', 'random/sae', '--random-model', 'random');
  expect([same.code, same.stderr]).toEqual([2, expect.stringContaining('found the model of random')]);
}, 180_000);

it('comes back from the files of SAELens with the same numbers', async () => {
  const own = await evaluate('small/sae');
  succeeded(
    await project.assay('sae', 'export', 'small/sae', '--format', 'saelens', '--out', path.join(project.folder, 'sae')),
  );
  await runAs('taken', () => ({ saes: [{ name: 'p', from: './sae' }] }));
  const back = await evaluate('taken/p');
  for (const name of ['fvu', 'l0', 'deltaCeNats'] as const) {
    expect(back.metrics[name].n, name).toBe(own.metrics[name].n);
    expect(back.metrics[name].value, name).toBeCloseTo(own.metrics[name].value, 5);
  }
  const other = parse(await readFile(path.join(project.folder, 'taken.yaml'), 'utf8')) as Record<string, object>;
  const onnx = path.join(project.folder, 'random.onnx');
  const file = { ...other, name: 'another-model', model: { ...other['model'], onnx } };
  await writeFile(path.join(project.folder, 'another.yaml'), stringify(file));
  const otherModel = await project.assay('run', 'another.yaml');
  expect([otherModel.code, otherModel.stderr]).toEqual([2, expect.stringContaining('found one that was trained on')]);
  const refused = await project.assay('sae', 'eval', 'taken/p', '--random-model', 'small');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('found none; it has sae')]);
}, 120_000);

interface Probes {
  readonly mean: {
    readonly raw: { readonly f1: Metric };
    readonly features: readonly { readonly k: number; readonly f1: Metric }[];
  };
  readonly classes: readonly {
    readonly class: string;
    readonly rows: { readonly fit: number; readonly test: number };
  }[];
  readonly absorption: { readonly n: number; readonly absorbed: number } | null;
}

it('is probed for first letters and for labels of a file', async () => {
  const letters = await project.json<Probes>(
    'sae',
    'probe',
    'small/sae',
    '--first-letter',
    '--rows',
    '200',
    '--bootstrap',
    '50',
  );
  expect(letters.classes.length).toBeGreaterThan(8);
  expect(letters.mean.raw.f1.value).toBeGreaterThan(0.6);
  expect(letters.mean.features.map(({ k }) => k)).toEqual([1, 2, 5]);
  expect(letters.absorption?.n).toBeGreaterThan(letters.absorption?.absorbed ?? NaN);
  const documents = await project.json<{ readonly rows: readonly (readonly [id: string])[] }>(
    ...['sql', 'select id from documents order by doc', '--run', 'small'],
  );
  const lines = documents.rows.map(([id], i) => JSON.stringify({ id, label: i % 2 === 0 ? 'even' : 'odd' }));
  await writeFile(path.join(project.folder, 'labels.jsonl'), lines.join('\n'));
  const found = await project.json<Probes>(
    'sae',
    'probe',
    'small/sae',
    '--labels',
    'labels.jsonl',
    '--bootstrap',
    '50',
  );
  expect(found.classes.map((one) => one.class)).toEqual(['even', 'odd']);
  await writeFile(path.join(project.folder, 'labels.jsonl'), '{"id":"nowhere","label":"x"}');
  const none = await project.assay('sae', 'probe', 'small/sae', '--labels', 'labels.jsonl');
  expect(none.code).toBe(2);
  expect(none.stderr).toContain('found none (0 of the 1 documents that they name have rows in fit or test)');
  const both = await project.assay('sae', 'probe', 'small/sae');
  expect([both.code, both.stderr]).toEqual([
    2,
    expect.stringContaining('either --labels or --first-letter, found neither'),
  ]);
}, 120_000);
