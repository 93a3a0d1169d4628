// `assay sae probe` over a dictionary that the real stages trained.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { saeProbeDocument } from '../../../schemas/documents/sae-probe.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';
import { runStages, submitRun, writeRun } from './pipeline.js';

const folder = temporaryFolder('probe');
let store: ObjectStore;
const cli = (...argv: string[]): ReturnType<typeof runCli> =>
  runCli(['sae', 'probe', ...argv, '--store', `file://${join(folder, 'data')}`], { cwd: folder });

beforeAll(async () => {
  const file = await writeRun(folder);
  store = await openStore(`file://${join(folder, 'data')}`);
  const run = await submitRun(store, file);
  await runStages(store, run, { folder, until: 'encode' });
}, 120_000);

async function probed(...argv: string[]): ReturnType<typeof saeProbeDocument.parseAsync> {
  return saeProbeDocument.parse(JSON.parse((await cli(...argv, '--json')).out));
}

describe('sae probe', () => {
  it('probes first letters, on as many rows of others as of the class, and says which letters were left out', async () => {
    const { classes, leftOut, mean, documents } = await probed('dict', '--first-letter');
    expect(classes.map(({ label }) => label)).toEqual(['a', 't']);
    for (const { rows, dictionary, raw, absorption } of classes) {
      expect(rows.fit).toBeGreaterThanOrEqual(10);
      expect(dictionary.map(({ k, features }) => [k, features.length])).toEqual([
        [1, 1],
        [2, 2],
        [5, 5],
      ]);
      expect(raw.f1.n).toBe(2 * rows.test);
      expect(absorption?.fraction.n).toBeLessThanOrEqual(rows.test);
    }
    expect(leftOut.length).toBeGreaterThan(0);
    for (const { rows } of leftOut) expect(Math.min(rows.fit, rows.test)).toBeLessThan(10);
    expect(documents.test).toBe(2);
    expect(mean.raw.f1.value).toBeCloseTo(
      classes.reduce((sum, own) => sum + (own.raw.f1.value ?? NaN), 0) / classes.length,
      12,
    );
  });

  it('gives the same document twice', async () => {
    expect(await probed('dict', '--first-letter')).toEqual(await probed('small/dict', '--first-letter'));
  });

  it('marks what does not beat neurons', async () => {
    const { out } = await cli('dict', '--first-letter');
    expect(out).toMatch(
      /NOT BETTER: small\/dict (loses to|is not shown to beat) 1 neuron at equal k: mean F1 0\.\d{3}/,
    );
    expect(out).toMatch(/^letter +rows of fit and test +1 feature +2 features/m);
  });

  it.each([
    [[], '', 'Expected --labels FILE or --first-letter, found neither; give one of them.'],
    [['--labels', 'labels.jsonl'], '', 'Expected labels in labels.jsonl, found none;'],
    [['--labels', 'nowhere.jsonl'], null, 'Expected a file of labels at nowhere.jsonl, found none that can be read'],
    [
      ['--labels', 'labels.jsonl'],
      '{"id": "x", "label": "a"}\n{"id": "y"',
      'in labels.jsonl, line 2, found something that is no JSON; correct the line or remove it.',
    ],
    [
      ['--labels', 'labels.jsonl'],
      '{"id": "x", "label": "a"}\n{"id": "x", "label": "b"}',
      'found "a" and "b" for document "x", in lines 1 and 2; keep one of them.',
    ],
    [
      ['--labels', 'labels.jsonl'],
      '{"id": "nobody", "label": "a"}',
      'Expected ids of documents of the run in labels.jsonl, found "nobody" (line 1), which it does not have',
    ],
  ])('refuses %j with %j', async (argv, text, message) => {
    if (text !== null) await writeFile(join(folder, 'labels.jsonl'), text);
    const { code, err, out } = await cli('dict', ...argv);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(out).toBe('');
  });
});
