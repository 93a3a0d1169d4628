// The run file of examples/kinds with smaller budgets: every kind of dictionary is trained, encoded, measured and indexed by one run;
// the transcoders of all MLPs are measured together, in the run and by `sae eval --with`, to the same numbers.
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { packageRoot } from '../../runtime/package-root.js';
import type { Project } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';

interface Entry {
  readonly name: string;
  readonly architecture: string;
}

interface Metric {
  readonly value: number;
  readonly lo: number;
  readonly hi: number;
  readonly n: number;
}

interface Evaluation {
  readonly metrics: Readonly<Record<'fvu' | 'deltaCeNats' | 'ceRecoveredMean' | 'ceRecoveredZero', Metric>>;
  readonly controls: Readonly<Record<string, unknown>>;
}

const scene = useScene();
let project: Project;
let entries: readonly Entry[];

beforeAll(async () => {
  project = await scene.project({ chapters: 60 });
  const example = path.join(packageRoot(), 'examples', 'kinds', 'run.yaml');
  const run = parse(await readFile(example, 'utf8')) as Record<string, object> & { saes: Entry[] };
  entries = run.saes;
  const small = { features: 64, tokens: 10_240, batchRows: 512 };
  const own = parse(await readFile(path.join(project.folder, 'run.yaml'), 'utf8')) as Record<string, object>;
  const file = {
    ...run,
    name: 'kinds',
    model: own['model'],
    corpus: own['corpus'],
    saes: run.saes.map((entry) => ({
      ...{ ...entry, ...small },
      ...(entry.architecture === 'matryoshka' && { prefixes: [8, 16, 64] }),
    })),
    evaluation: { ...run['evaluation'], resamples: 50 },
  };
  await writeFile(path.join(project.folder, 'run.yaml'), stringify(file));
  await scene.worker(project);
  succeeded(await project.assay('run', 'run.yaml', '--follow'));
}, 400_000);

const evaluate = (...args: readonly string[]): Promise<Evaluation> =>
  project.json<Evaluation>('sae', 'eval', ...args, '--bootstrap', '50');

describe('a run of every kind', () => {
  it('has each of them measured on the test split', async () => {
    expect(entries.map(({ name }) => name)).toEqual(
      'relu topk batchtopk jumprelu gated matryoshka t0 t1 t2 t3 crosscoder clt'.split(' '),
    );
    for (const { name } of entries) {
      const { metrics } = await evaluate(`kinds/${name}`);
      expect(metrics.fvu.value, name).toBeGreaterThan(0);
      expect(metrics.fvu.value, name).toBeLessThan(1.5);
      expect(metrics.fvu.n, name).toBeGreaterThan(500);
    }
  }, 60_000);

  it('replaces all MLPs at once by the set of transcoders, whatever its order, and by the cross-layer one', async () => {
    const set = await evaluate('kinds/t0', '--with', 't1', 't2', 't3');
    const other = await evaluate('kinds/t3', '--with', 't0', 't2', 't1');
    const alone = await evaluate('kinds/t0');
    const cross = await evaluate('kinds/clt');
    for (const name of ['deltaCeNats', 'ceRecoveredMean', 'ceRecoveredZero'] as const) {
      expect(set.metrics[name].value).toBeCloseTo(other.metrics[name].value, 4);
      expect(set.metrics[name].lo).toBeLessThan(set.metrics[name].hi);
      expect(Number.isFinite(cross.metrics[name].value)).toBe(true);
    }
    // The rows are those of the first dictionary; only what stands in the model's place differs.
    expect(set.metrics.fvu).toEqual(alone.metrics.fvu);
    expect(set.metrics.deltaCeNats.value).toBeGreaterThan(alone.metrics.deltaCeNats.value);
    expect(Object.keys(set.controls)).toEqual([]);
    expect(Object.keys(alone.controls)).toEqual([]);
  }, 120_000);

  it('measures the set in the run already: the same dataset, nothing to compute', async () => {
    const { stderr, code } = await project.assay(
      'sae',
      'eval',
      'kinds/t0',
      '--with',
      't1',
      't2',
      't3',
      '--bootstrap',
      '50',
    );
    expect(code).toBe(0);
    expect(stderr).not.toContain('to do');
  }, 60_000);

  it.each([
    [
      ['kinds/t0', '--with', 'nobody'],
      'Expected dictionaries of kinds to measure together, found "nobody", which is none; it has',
    ],
    [['kinds/t0', '--with', 't0'], 'found blocks.0.hook_mlp_out written by t0 and by t0. Leave one of them out.'],
    [['kinds/t0', '--with', 'clt'], 'found blocks.0.hook_mlp_out written by t0 and by clt. Leave one of them out.'],
  ])(
    'refuses %j',
    async (args, text) => {
      const { code, stderr } = await project.assay('sae', 'eval', ...args);
      expect(code).toBe(2);
      expect(stderr).toContain(text);
    },
    60_000,
  );

  it('refuses documents of a run that stores none of the sites', async () => {
    const run = parse(await readFile(path.join(project.folder, 'run.yaml'), 'utf8')) as Record<string, object>;
    const { saes: _, evaluation: __, ...rest } = run;
    const other = {
      ...rest,
      name: 'other',
      activations: { ...run['activations'], hooks: ['blocks.2.hook_resid_post'] },
    };
    await writeFile(path.join(project.folder, 'other.yaml'), stringify(other));
    succeeded(await project.assay('run', 'other.yaml', '--follow'));
    for (const args of [['kinds/t0'], ['kinds/topk', '--with', 't0']]) {
      const { code, stderr } = await project.assay('sae', 'eval', ...args, '--corpus', 'other');
      expect(code).toBe(2);
      expect(stderr).toContain(
        'activations of blocks.0.ln2.hook_normalized, which t0 reads or writes, among those of other',
      );
      expect(stderr).toContain('found blocks.2.hook_resid_post. Add the site to activations.hooks of other');
    }
  }, 120_000);

  it.each([
    ['crosscoder', /reads one site and writes one in kinds\/crosscoder, found a crosscoder that writes \d+ sites/],
    ['clt', /reads one site and writes one in kinds\/clt, found a cross-layer transcoder that writes 4 sites/],
  ])('refuses to write %s as the files of another program, by its name', async (name, text) => {
    const out = path.join(project.folder, `out-${name}`);
    const refused = await project.assay('sae', 'export', `kinds/${name}`, '--format', 'saelens', '--out', out);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(text);
    await expect(access(out)).rejects.toThrow('ENOENT');
  });
});
