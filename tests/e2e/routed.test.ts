// Routed dictionaries in a run, one of frozen experts and one with a learned router: one of two workers is killed while experts are
// trained, and the bytes are those of an undisturbed run; they are encoded, indexed, described, and refused where they cannot be used.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { attemptRecord, type Attempt } from '../../schemas/records.js';
import { listAttempts } from '../../storage/records/runs.js';
import { readEvents } from '../../storage/records/events.js';
import type { Project, ProjectOptions } from './harness/project.js';
import { succeeded, useScene } from './harness/scene.js';
import path from 'node:path';
import { TINY_LM, TOKENIZER } from '../harness/fixtures.js';

const scene = useScene();
const HOOK = 'blocks.2.hook_resid_post';
const EXPERTS = 4;
const MODEL = path.join(TINY_LM, 'model.onnx');
/** Long enough for tokens of several experts. */
const TEXT = 'In the beginning God created the heaven and the earth. And the earth was without form, and void; '.repeat(
  5,
);

/** Each expert takes a few seconds, so that there is something to kill. */
const OPTIONS: ProjectOptions = {
  run: {
    saes: [
      {
        ...{ name: 'r', hook: HOOK, features: 1024, k: 8, tokens: 1_600_000, batchRows: 512, lr: 0.001, seed: 1 },
        routed: { experts: EXPERTS, kind: 'frozen' },
      },
      {
        ...{ name: 'l', hook: HOOK, features: 256, k: 8, tokens: 40_960, batchRows: 512, lr: 0.001, seed: 1 },
        routed: { experts: EXPERTS, kind: 'learned' },
      },
    ],
  },
};

/** Every time that an expert was handed out to be trained. */
async function attemptsAtExperts(project: Project): Promise<Attempt[]> {
  const store = await project.openStore();
  try {
    const attempts = await listAttempts(store, { name: 'small', revision: 1 }, attemptRecord).catch(() => []);
    return attempts.filter(({ shard }) => shard.startsWith('expert-'));
  } finally {
    await store.close();
  }
}

/** The first expert that is handed out. */
async function untilExpert(project: Project): Promise<Attempt> {
  for (let waited = 0; waited < 120_000; waited += 50) {
    const [first] = await attemptsAtExperts(project);
    if (first) return first;
    await sleep(50);
  }
  throw new Error('no expert was handed out within 120 s');
}

async function statesOf(project: Project): Promise<string[]> {
  const store = await project.openStore();
  try {
    return (await readEvents(store, { name: 'small', revision: 1 })).map(({ type }) => type);
  } finally {
    await store.close();
  }
}

describe('a run with a dictionary of frozen experts', () => {
  let undisturbed: Project;
  let digests: Record<string, string>;
  beforeAll(async () => {
    undisturbed = await scene.finished(OPTIONS);
    digests = await undisturbed.digests();
  }, 300_000);

  it('publishes routes, sorted rows, experts and the joined dictionary, and everything after it', () => {
    const own = Object.keys(digests).flatMap((name) => /^small\/r\/(.+)$/.exec(name)?.[1] ?? []);
    expect(own).toEqual(expect.arrayContaining(['routes', 'expert-rows', 'experts', 'weights', 'training']));
    expect(own).toEqual(expect.arrayContaining(['acts', 'postings', 'features', 'top', 'promoted', 'neighbours']));
  });

  it('has test metrics, and an evaluation beside controls', async () => {
    const [metrics] = await undisturbed.json<{ splits: { split: string; metrics: { fvu: { value: number }; l0: { value: number } } }[] }[]>('metrics', 'small/r'); // prettier-ignore
    const test = metrics?.splits.find(({ split }) => split === 'test')?.metrics;
    expect(test?.fvu.value).toBeLessThan(0.6);
    expect(test?.l0.value).toBeLessThanOrEqual(8);
    const evaluated = await undisturbed.json<{ metrics: { fvu: { value: number } }; controls: object }>('sae', 'eval', 'small/r'); // prettier-ignore
    // Both count the same rows: by the graph of all experts, and sorted by expert.
    expect(evaluated.metrics.fvu.value).toBeCloseTo(test?.fvu.value ?? NaN, 4);
    expect(Object.keys(evaluated.controls).length).toBeGreaterThanOrEqual(3);
    const [learned] = await undisturbed.json<{ splits: { split: string; metrics: { fvu: { value: number } } }[] }[]>('metrics', 'small/l'); // prettier-ignore
    expect(learned?.splits.find(({ split }) => split === 'test')?.metrics.fvu.value).toBeLessThan(0.9);
    const { routed } = await undisturbed.json<{ routed: unknown }>('features', 'small/l');
    expect(routed).toEqual({ kind: 'learned', experts: EXPERTS });
  }, 120_000);

  it('is said to be routed wherever its features are listed', async () => {
    const said = 'ROUTED: the features of small/r are divided among 4 experts (frozen), one of which sees a token;';
    const { list, routed } = await undisturbed.json<{ list: { feature: number }[]; routed: unknown }>('features', 'small/r'); // prettier-ignore
    expect(routed).toEqual({ kind: 'frozen', experts: EXPERTS });
    const feature = String(list[0]?.feature ?? 0);
    for (const command of [
      ['features', 'small/r'],
      ['top', 'small/r', feature],
      ['card', 'small/r', feature],
      ['find', 'small/r', 'In the beginning'],
      ['describe', 'small/r'],
      ['describe', 'small/r/weights'],
    ])
      expect((await undisturbed.assay(...command)).stderr, command.join(' ')).toContain(said);
    expect((await undisturbed.assay('describe', 'small/tokens')).stderr).not.toContain('ROUTED');
  }, 60_000);

  it('finds features of one expert on each token', async () => {
    const { tokens } = await undisturbed.json<{ tokens: { features: { feature: number }[] }[] }>('find', 'small/r', TEXT); // prettier-ignore
    const experts = tokens.map(({ features }) => new Set(features.map(({ feature }) => Math.floor(feature / 256))));
    expect(Math.max(...experts.map(({ size }) => size))).toBe(1);
    expect(new Set(experts.flatMap((own) => [...own])).size).toBeGreaterThan(1);
  }, 60_000);

  it('is refused as an export and as an edit, with the reason', async () => {
    const exported = await undisturbed.assay('sae', 'export', 'small/r', '--format', 'saelens', '--out', 'x');
    expect(exported.code).not.toBe(0);
    expect(exported.stderr).toContain('found one of 4 experts with a frozen router; other programs have no such kind');
    const text = ['--text', 'In the beginning', '--tokens', '2', '--edit', 'small/r#7=ablate'];
    const edited = await undisturbed.assay('model', 'generate', MODEL, '--tokenizer', TOKENIZER, ...text);
    expect(edited.code).not.toBe(0);
    expect(edited.stderr).toContain('found that small/r is routed (frozen, 4 experts)');
  }, 60_000);

  it('gives the same bytes where one of two workers is killed while it trains an expert, and the run is resumed', async () => {
    const project = await scene.project(OPTIONS);
    const workers = [await scene.worker(project), await scene.worker(project)];
    const run = project.start('run', 'run.yaml', '--follow');
    const first = await untilExpert(project);
    await sleep(700);
    workers.find(({ pid }) => first.worker.endsWith(`/${pid}`))?.kill();
    await sleep(1000);
    // The other worker stops at its next safe point, with checkpoints.
    succeeded(await project.assay('cancel', 'small'));
    await run.ended;
    expect(await statesOf(project)).not.toContain('completed');
    succeeded(await project.assay('resume', 'small', '--follow'));
    // The kill struck: the expert was handed out again.
    const again = (await attemptsAtExperts(project)).filter(({ shard }) => shard === first.shard);
    expect(again.length).toBeGreaterThan(1);
    expect(await project.digests()).toEqual(digests);
  }, 300_000);
});
