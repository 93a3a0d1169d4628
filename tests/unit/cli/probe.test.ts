// `assay sae probe` over a dictionary that the real stages trained.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pinDictionary } from '../../../reading/dictionary/snapshots.js';
import { findLabelled } from '../../../reading/probe/given-labels.js';
import { DrawnRows } from '../../../reading/probe/labelled-rows.js';
import { probeDictionary } from '../../../reading/probe/probe-dictionary.js';
import { readStoredSite } from '../../../reading/probe/stored-shards.js';
import { newCounters } from '../../../storage/scan/batch-reader.js';
import { saeProbeDocument } from '../../../schemas/documents/sae-probe.js';
import type { ObjectStore } from '../../../storage/objects/object-store.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { temporaryFolder } from '../../harness/temporary-folder.js';
import { runCli } from './harness.js';
import { runStages, SITE, submitRun, writeRun } from './pipeline.js';
import { storedRows, tokenTexts } from './whole-tables.js';

const OTHER = 'blocks.0.hook_resid_post';
const folder = temporaryFolder('probe');
let store: ObjectStore;
const cli = (...argv: string[]): ReturnType<typeof runCli> =>
  runCli(['sae', 'probe', ...argv, '--store', `file://${join(folder, 'data')}`], { cwd: folder });

beforeAll(async () => {
  const settings = 'features: 48, k: 4, tokens: 1024, batchRows: 64';
  const file = await writeRun(folder, (yaml) =>
    yaml
      .replace(`hooks: [${SITE}]`, `hooks: [${SITE}, ${OTHER}]`)
      .replace(
        /saes:\n/,
        `saes:\n  - { name: transcoder, reads: [${OTHER}], writes: [${SITE}], ${settings} }\n` +
          `  - { name: crosscoder, reads: [${OTHER}, ${SITE}], writes: [${OTHER}, ${SITE}], ${settings} }\n`,
      ),
  );
  store = await openStore(`file://${join(folder, 'data')}`);
  const run = await submitRun(store, file);
  await runStages(store, run, { folder, until: 'encode' });
}, 120_000);

/** A file of labels: the first chapters against the last, and further lines. */
async function writeLabels(further: readonly object[] = [], chapters = 28): Promise<string> {
  const label = (chapter: number): string => (chapter <= 14 ? 'early' : 'late');
  const lines = Array.from({ length: chapters }, (_, i) => ({ id: `Ge.${i + 1}`, label: label(i + 1) }));
  await writeFile(join(folder, 'labels.jsonl'), [...lines, ...further].map((one) => JSON.stringify(one)).join('\n'));
  return 'labels.jsonl';
}

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

  it('takes every labelled row once, with its own activations and firings', async () => {
    const pinned = await pinDictionary(store, { run: 'small', dictionary: 'dict' });
    const site = await readStoredSite(store, pinned, 0);
    const read = { store, counters: newCounters() };
    const cacheFolder = join(folder, 'cache');
    const labelling = await findLabelled(store, { pinned, site, labels: { from: 'first-letter' }, read, cacheFolder });
    const common = { site, labelling, most: 10_000, seed: 0, mostBytes: 2 ** 40, read, progress: () => undefined };
    const drawn = await DrawnRows.draw({ ...common, split: 'fit' });
    const { doc, act, acts, byClass } = await drawn.complete(labelling.names.map((_, own) => own));
    const [stored, texts] = [await storedRows(store, folder), await tokenTexts(store, folder)];
    let own = 0;
    const letters = [...texts].filter(([place, { split }]) => split === 'fit' && stored.has(place));
    for (const [place, { text }] of letters) if (/^ ?[a-z]+$/i.test(text)) own += Number(stored.has(place));
    expect(doc.length).toBe(own);
    expect(byClass.reduce((sum, rows) => sum + rows.length, 0)).toBe(own);
    // Rows of a document are told by their activations; equal ones (the same first token of two contexts) fire alike.
    const byActivation = new Map(
      [...stored].map(([place, row]) => [`${place.split(' ')[0] ?? ''} ${row.act.join()}`, { place, ...row }]),
    );
    byClass.forEach((rows, letter) => {
      for (const row of rows) {
        const values = [...act.subarray(row * site.width, (row + 1) * site.width)];
        const found = byActivation.get(`${doc[row] ?? NaN} ${values.join()}`);
        expect(
          texts
            .get(found?.place ?? '')
            ?.text.trim()[0]
            ?.toLowerCase(),
        ).toBe(labelling.names[letter]);
        const firing = [...acts.feature.subarray(acts.offsets[row], acts.offsets[row + 1])];
        expect(firing).toEqual([...(found?.features.keys() ?? [])]);
        expect([...acts.value.subarray(acts.offsets[row], acts.offsets[row + 1])]).toEqual([
          ...(found?.features.values() ?? []),
        ]);
      }
    });
  });

  it('takes labels of documents, and of tokens before them', async () => {
    const file = await writeLabels(
      Array.from({ length: 12 }, (_, pos) => ({ id: 'Ge.8', pos: pos + 1, label: 'rare' })),
    );
    const { classes, labels, leftOut, documents } = await probed('dict', '--labels', file);
    const [stored, texts] = [await storedRows(store, folder), await tokenTexts(store, folder)];
    const count = (split: string, has: (chapter: number) => boolean): number =>
      [...stored.keys()].filter((place) => {
        const { id = '', split: own } = texts.get(place) ?? {};
        return own === split && has(Number(id.slice(3)));
      }).length;
    expect([labels, documents]).toEqual([file, { fit: 25, test: 2 }]);
    expect(leftOut).toEqual([{ label: 'rare', rows: { fit: 0, test: 12 } }]);
    const early = { fit: count('fit', (n) => n <= 14), test: count('test', (n) => n <= 14) - 12 };
    const late = { fit: count('fit', (n) => n > 14), test: count('test', (n) => n > 14) };
    const least = { fit: Math.min(early.fit, late.fit), test: Math.min(early.test, late.test) };
    expect(classes.map(({ label, rows }) => [label, rows])).toEqual([
      ['early', least],
      ['late', least],
    ]);
  });

  it('draws at most as many rows of a class as are asked for', async () => {
    const { classes } = await probed('dict', '--labels', await writeLabels(), '--rows', '30');
    expect(classes.map(({ rows }) => rows)).toEqual([
      { fit: 30, test: 30 },
      { fit: 30, test: 30 },
    ]);
  });

  it('stops at the bytes that are given, and says so', async () => {
    const { shards } = await probed('dict', '--first-letter', '--max-bytes', '1');
    expect(shards).toEqual({ fit: { read: 1, of: 3 }, test: { read: 1, of: 1 } });
    const { out } = await cli('dict', '--first-letter', '--max-bytes', '1');
    expect(out).toContain('Rows are drawn from 1 of 3 shards to fit on and 1 of 1 to test; --max-bytes takes more.');
  });

  it('probes what a transcoder reads, and tells no absorption of it', async () => {
    const { site, classes, mean } = await probed('transcoder', '--first-letter');
    expect([site, mean.absorption, ...classes.map(({ absorption }) => absorption)]).toEqual([OTHER, null, null, null]);
    expect((await cli('transcoder', '--first-letter')).out).toContain(
      'Absorption is not told: the dictionary writes another site than it reads.',
    );
  });

  it('gives the same document twice', async () => {
    expect(await probed('dict', '--first-letter')).toEqual(await probed('small/dict', '--first-letter'));
  });

  it('marks what does not beat neurons', async () => {
    const { out } = await cli('dict', '--first-letter');
    expect(out).toMatch(
      /NOT BETTER: small\/dict (loses to|is not shown to beat) 1 neuron at equal k: mean balanced accuracy 0\.\d{3}/,
    );
    expect(out).toMatch(/^letter +rows of fit and test +1 feature +2 features/m);
  });

  it('refuses what the run does not have enough of', async () => {
    const refused = async (dict: string, ...argv: string[]): Promise<string> => {
      const { code, err, out } = await cli(dict, ...argv);
      expect([code, out]).toEqual([2, '']);
      return err;
    };
    const one = await writeLabels([], 14);
    expect(await refused('dict', '--labels', one)).toContain(
      'Expected labels of two or more classes in labels.jsonl, found "early" alone;',
    );
    const far = await writeLabels([{ id: 'Ge.8', pos: 100_000, label: 'rare' }]);
    expect(await refused('dict', '--labels', far)).toMatch(
      /Expected a position below \d+, the tokens of document "Ge.8", in labels.jsonl, line 29, found 100000;/,
    );
    expect(await refused('dict', '--first-letter', '--fit-on', 'calib')).toMatch(
      /Expected two classes of first-letter with at least 10 stored rows each in the splits calib and test, found a \d+ and 25/,
    );
    expect(await refused('crosscoder', '--first-letter')).toContain(
      `Expected a dictionary that reads one site, found that small/crosscoder reads ${OTHER}, ${SITE};`,
    );
  });

  it('refuses more rows than may be held, and activations that are not all there', async () => {
    const name = { run: 'small', dictionary: 'dict' };
    const signal = new AbortController().signal;
    const cacheFolder = join(folder, 'cache');
    const request = { name, labels: { from: 'first-letter' }, fit: 'fit', rows: 1000, resamples: 2, seed: 0 } as const;
    const common = { mostBytes: 2 ** 40, cacheFolder, signal, progress: () => undefined };
    // Rows of a and t: 256 + 25 and 208 + 21, of 128 numbers of 4 bytes.
    await expect(probeDictionary(store, { ...request, ...common, mostHeld: 100_000 })).rejects.toThrow(
      'Expected rows that fit into 100000 bytes, found 510 of 128 numbers, 261120 bytes; draw fewer of each class (--rows 382).',
    );
    const pinned = await pinDictionary(store, name);
    const site = await readStoredSite(store, pinned, 0);
    const read = { store, counters: newCounters() };
    const labelling = await findLabelled(store, { pinned, site, labels: request.labels, read, cacheFolder });
    const shards = site.shards.map((shard) => ({ ...shard, activations: [] }));
    const drawn = await DrawnRows.draw({
      ...{ ...common, labelling, read, most: 10, seed: 0, split: 'test', site: { ...site, shards } },
    });
    await expect(drawn.complete([0])).rejects.toThrow(
      `Expected activations of 10 rows at site ${SITE} in split test, found 0; shards of activations are missing`,
    );
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
