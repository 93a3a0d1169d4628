// A dictionary beside the same one of a model without training, what it tells of labels, and a dictionary that comes back from the files of
// another program: the commands of docs/metrics.md and docs/interop.md, one after the other.
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

interface Probed {
  readonly site: string;
  readonly classes: readonly {
    readonly label: string;
    readonly rows: { readonly test: number };
    readonly raw: { readonly f1: Metric };
  }[];
  readonly mean: {
    readonly dictionary: readonly { readonly f1: Metric }[];
    readonly raw: Readonly<Record<'f1' | 'balancedAccuracy', Metric>>;
  };
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

it('is probed for the first letters of tokens, beside neurons', async () => {
  const probe = (): Promise<Probed> =>
    project.json<Probed>('sae', 'probe', 'small/sae', '--first-letter', '--bootstrap', '50');
  const { site, classes, mean } = await probe();
  expect(site).toBe('blocks.2.hook_resid_post');
  expect(classes.length).toBeGreaterThan(10);
  for (const { label, raw, rows } of classes) {
    expect(label).toMatch(/^[a-z]$/);
    expect(raw.f1.n).toBe(2 * rows.test);
  }
  // A model that predicts text knows letters: a probe on all that it holds tells them far better than chance.
  expect(mean.raw.balancedAccuracy.lo).toBeGreaterThan(0.7);
  expect(mean.raw.f1.value).toBeGreaterThan(mean.dictionary[0]?.f1.value ?? NaN);
  expect((await probe()).mean).toEqual(mean);
  const shown = await project.assay('sae', 'probe', 'small/sae', '--first-letter', '--bootstrap', '50');
  succeeded(shown);
  expect(shown.stdout).toMatch(/^mean +0\.\d{3}/m);
}, 120_000);

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
