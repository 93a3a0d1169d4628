// Metrics beside controls: where the numbers come from is said, and a dictionary that does not beat a control is marked by every
// command that prints it. In the order of the tests: before an evaluation, with one, and with one of earlier weights.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compareWithControls, unbeaten } from '../../../core/dictionaries/compare-controls.js';
import { unbeatenNote } from '../../../cli/render/unbeaten-text.js';
import { cardDocument } from '../../../schemas/documents/cards.js';
import { featuresDocument } from '../../../schemas/documents/feature-list.js';
import { metricsDocument, topDocument } from '../../../schemas/documents/features.js';
import { openStore } from '../../../storage/objects/open-store.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { latestRevision } from '../../../storage/records/resolved-runs.js';
import { finishedRun } from './finished-run.js';
import { runCli } from './harness.js';
import { evaluateHere, runStages, submitRun, writeRun } from './pipeline.js';

const { folder, cli, document } = finishedRun();

async function withStore(work: (store: ObjectStore) => Promise<unknown>): Promise<void> {
  const store = await openStore('file://./data', { base: folder });
  await work(store).finally(() => store.close());
}

/** With --json, whatever is noted beside it. */
async function json(...argv: string[]): Promise<unknown> {
  return (await cli(...argv, '--json')).json();
}

describe('a dictionary that was not evaluated', () => {
  it('has the numbers of the stage index, and the text says so and what to do', async () => {
    const [entry] = await document(metricsDocument, 'metrics', 'dict');
    expect(entry).toMatchObject({ source: 'index', evaluation: null, outdated: false, unbeaten: [] });
    const { out } = await cli('metrics', 'dict');
    expect(out).toMatch(/\nmeasured by +index\n/);
    expect(out).toContain('small/dict was not compared with controls: `assay sae eval small/dict` does it.');
    expect(out).not.toContain('NOT BETTER');
  });
});

describe('a dictionary that was evaluated', () => {
  it('stands beside its controls on the test split, each with what it differs by', async () => {
    await withStore(async (store) => {
      const run = await latestRevision(store, 'small');
      if (run === null) throw new Error('no run');
      await evaluateHere(store, run, folder);
    });
    const [entry] = metricsDocument.parse(await json('metrics', 'dict'));
    expect(entry).toMatchObject({ source: 'evaluation', outdated: false });
    const { metrics, controls = {} } = entry?.evaluation ?? {};
    const test = entry?.splits.find(({ split }) => split === 'test');
    // The same rows and weights, measured twice by different stages.
    expect(metrics?.fvu.value).toBeCloseTo(test?.metrics.fvu.value ?? 0, 2);
    expect(metrics?.l0.value).toBeCloseTo(test?.metrics.l0.value ?? 0, 6);
    expect(Object.keys(controls).length).toBeGreaterThanOrEqual(3);
    const { out } = await cli('metrics', 'dict');
    expect(out).toMatch(/^test: nothing was fitted to it +small\/dict +vs strongest components/);
    expect(out).toMatch(/\nmeasured by +sae eval +sae eval/);
    expect(out).toMatch(/\nunexplained, the dictionary less this control +-?[\d.]+ \(-?[\d.]+ to -?[\d.]+\)/);
    expect(out).toMatch(/\nfit: the dictionary was trained on it[^]*\nmeasured by +index\n/);
  });

  it('is marked by metrics, describe, top, features and card where it does not beat a control, in the same words', async () => {
    const [entry] = metricsDocument.parse(await json('metrics', 'dict'));
    const found = entry?.unbeaten ?? [];
    // Four of 64 features after 1,024 tokens of training lose to four components of 128.
    expect(found.map(({ control }) => control)).toContain('pcaStrongest');
    for (const { verdict, difference } of found) {
      expect(['worse', 'undecided']).toContain(verdict);
      expect(difference.hi ?? 1).toBeGreaterThanOrEqual(0);
    }
    const note = unbeatenNote('small/dict', found) ?? '';
    expect(note).toMatch(/^NOT BETTER: small\/dict loses to strongest components/);
    expect((await cli('metrics', 'dict')).out).toContain('NOT BETTER: small/dict loses to strongest components');
    expect((await cli('describe', 'small/dict')).out).toContain('NOT BETTER: small/dict loses to strongest components');
    for (const argv of [
      ['top', 'dict', '3'],
      ['features', 'dict'],
      ['card', 'dict', '3'],
    ])
      expect((await cli(...argv)).err, argv.join(' ')).toContain(note);
    expect(topDocument.parse(await json('top', 'dict', '3')).unbeaten).toEqual(found);
    expect(featuresDocument.parse(await json('features', 'dict')).unbeaten).toEqual(found);
    expect(cardDocument.parse(await json('card', 'dict', '3')).unbeaten).toEqual(found);
    await cli('card', 'dict', '3', '--html', 'marked.html');
    expect(await readFile(join(folder, 'marked.html'), 'utf8')).toContain('NOT BETTER: small/dict loses to');
  });

  it('of several runs stand side by side, with those that were not evaluated', async () => {
    await withStore(async (store) => {
      const file = await writeRun(folder, (yaml) => yaml.replace('name: small', 'name: other').replace('k: 4', 'k: 8'));
      await runStages(store, await submitRun(store, file), { folder });
    });
    const result = await runCli(['metrics', 'small/dict', 'other/dict', '--store', 'data'], { cwd: folder });
    expect(result.out).toMatch(/^test: .* small\/dict +vs strongest components .* other\/dict\n/);
    expect(result.out).toMatch(/\nmeasured by +sae eval .* index\n/);
    expect(result.out).toContain('other/dict was not compared with controls');
  });

  it('and trained anew since is compared with nothing: the evaluation is of earlier weights', async () => {
    await withStore(async (store) => {
      const file = await writeRun(folder, (yaml) => yaml.replace('k: 4,', 'k: 4, seed: 1,'));
      await runStages(store, await submitRun(store, file, 2), { folder });
    });
    const [entry] = metricsDocument.parse(await json('metrics', 'small/dict'));
    expect(entry).toMatchObject({ source: 'index', evaluation: null, outdated: true, unbeaten: [], revision: 2 });
    expect((await cli('metrics', 'small/dict')).out).toContain('(there is an evaluation, of earlier weights)');
    expect((await cli('top', 'small/dict', '3')).err).not.toContain('NOT BETTER');
  });
});

describe('what is not beaten', () => {
  const row = (
    subject: string,
    metric: string,
    value: number,
    range?: readonly [number, number],
  ): Parameters<typeof compareWithControls>[0][number] => ({
    ...{ subject, metric, value, lo: range?.[0] ?? null, hi: range?.[1] ?? null, n: 10 },
  });
  const rows = (range: readonly [number, number], l0 = 4): Parameters<typeof compareWithControls>[0] => [
    row('dictionary', 'fvu', 0.3),
    row('dictionary', 'l0', 4),
    row('random', 'fvu', 0.4),
    row('random', 'l0', l0),
    row('random', 'fvuDifference', -0.1, range),
  ];

  it.each([
    [[-0.2, -0.01], 4, []],
    [[-0.2, 0.01], 4, ['undecided']],
    [[0.01, 0.2], 4, ['worse']],
    // Twice as many numbers: no control of equal L0.
    [[0.01, 0.2], 8, []],
  ] as const)('an interval of the difference from %j at L0 4 against %d gives %j', (range, l0, verdicts) => {
    expect(unbeaten(compareWithControls(rows(range, l0))).map(({ verdict }) => verdict)).toEqual(verdicts);
  });

  it('is said in one sentence, and nothing where every control is beaten', () => {
    expect(unbeatenNote('r/d', [])).toBeNull();
    expect(unbeatenNote('r/d', unbeaten(compareWithControls(rows([-0.2, 0.01]))))).toBe(
      'NOT BETTER: r/d is not shown to beat random at equal L0; `assay metrics r/d` shows by how much.',
    );
  });
});
