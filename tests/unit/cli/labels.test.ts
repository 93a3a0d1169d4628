// Labels over a finished run that the real stages wrote: what is given is shown by every command that names the feature, belongs to
// the dictionary and not to the run, and a wrong file changes nothing.
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { findDocument, sqlDocument, topDocument } from '../../../schemas/documents/features.js';
import { labelDocument } from '../../../schemas/documents/labels.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { submitRun, runStages, writeRun } from './pipeline.js';
import { finishedRun } from './finished-run.js';
import { runCli } from './harness.js';

const { folder, cli, document } = finishedRun();

const USER = { source: 'user', score: null, n: 0 } as const;
const features = (list: readonly { feature: number }[]): number[] => list.map(({ feature }) => feature);

/** Removes all labels: each test begins without. */
async function clear(): Promise<void> {
  const { labels } = await document(labelDocument, 'label', 'dict');
  for (const { feature } of labels) await document(labelDocument, 'label', 'dict', String(feature), '--remove');
}

describe('a label', () => {
  beforeEach(clear);

  it('is shown by label, top, find and sql, with its source', async () => {
    const { dictionary, ...given } = await document(labelDocument, 'label', 'dict', '3', '  names of 城 villages ');
    const label = { label: 'names of 城 villages', ...USER };
    expect(dictionary).toMatch(/^[0-9a-f]{64}$/);
    expect(given).toEqual({ dict: 'small/dict', changed: 1, total: 1, labels: [{ feature: 3, ...label }] });
    expect((await document(labelDocument, 'label', 'small/dict', '3')).labels).toEqual([{ feature: 3, ...label }]);
    expect((await document(topDocument, 'top', 'dict', '3', '--k', '1')).label).toEqual(label);
    expect((await document(topDocument, 'top', 'dict', '4', '--k', '1')).label).toBeNull();
    expect((await cli('top', 'dict', '3', '--k', '1')).out).toMatch(/^small\/dict {2}feature 3.*\nlabel: names of 城/);
    const { rows } = await document(sqlDocument, 'sql', 'select * from dict.labels');
    expect(rows).toEqual([[3, label.label, 'user', null, 0]]);
    const joined = 'select count(*) from features left join labels using (feature)';
    expect((await document(sqlDocument, 'sql', joined)).rows).toEqual([['64']].map(() => [expect.anything()]));
  });

  it('stands beside the features that find names', async () => {
    const before = await document(findDocument, 'find', 'dict', 'In the beginning');
    const fired = before.tokens.flatMap((token) => token.features.map(({ feature }) => feature))[0] ?? 0;
    expect(before.tokens.flatMap((token) => token.features).every(({ label }) => label === null)).toBe(true);
    await document(labelDocument, 'label', 'dict', String(fired), 'beginnings');
    const after = await document(findDocument, 'find', 'dict', 'In the beginning');
    for (const { feature, label } of after.tokens.flatMap((token) => token.features))
      expect(label).toBe(feature === fired ? 'beginnings' : null);
    expect((await cli('find', 'dict', 'In the beginning', '--k', '64')).out).toContain(`${fired} beginnings: `);
  });

  it('that is given again is replaced, and gone once removed', async () => {
    await document(labelDocument, 'label', 'dict', '3', 'one');
    expect((await document(labelDocument, 'label', 'dict', '3', 'two')).changed).toBe(1);
    expect((await document(labelDocument, 'label', 'dict', '3', 'two')).changed).toBe(0);
    const removed = await document(labelDocument, 'label', 'dict', '3', '--remove');
    expect(removed).toMatchObject({ changed: 1, total: 0, labels: [] });
    expect((await document(topDocument, 'top', 'dict', '3', '--k', '1')).label).toBeNull();
    expect((await document(sqlDocument, 'sql', 'select * from labels')).rows).toEqual([]);
  });
});

describe('labels in a file', () => {
  beforeEach(clear);

  it.each([
    ['CSV', 'feature,label\n7,"a ""city"", or two"\n3,Städte\n'],
    ['CSV without a header', '7,"a ""city"", or two"\r\n3,Städte\r\n'],
    ['CSV with other columns in another order', 'who,label,feature\nme,"a ""city"", or two",7\n,Städte,3\n'],
    ['JSON lines', '{"feature": 7, "label": "a \\"city\\", or two", "who": 1}\n\n{"label": "Städte", "feature": 3}\n'],
  ])('are taken from %s', async (_, text) => {
    const result = await runCli(['label', 'dict', '--from', '-', '--store', 'data', '--json'], {
      cwd: folder,
      stdin: text,
    });
    expect(result, result.err).toMatchObject({ code: 0 });
    const { labels, changed, total } = labelDocument.parse(result.json());
    expect({ changed, total }).toEqual({ changed: 2, total: 2 });
    expect(labels.map(({ feature, label }) => [feature, label])).toEqual([
      [3, 'Städte'],
      [7, 'a "city", or two'],
    ]);
  });

  it('come back as `sql --format csv` wrote them', async () => {
    await document(labelDocument, 'label', 'dict', '3', 'a "city", or two');
    const { out } = await cli('sql', 'select feature, label from labels', '--format', 'csv');
    await writeFile(join(folder, 'labels.csv'), out);
    await clear();
    expect(features((await document(labelDocument, 'label', 'dict', '--from', 'labels.csv')).labels)).toEqual([3]);
    expect((await document(topDocument, 'top', 'dict', '3', '--k', '1')).label?.label).toBe('a "city", or two');
  });

  it.each([
    ['feature,name\n1,a\n', 'Expected the columns feature and label in the first line of', '"feature", "name"'],
    ['feature,label\n1,a\nx,b\n', 'line 3, found "x"', 'features count from 0'],
    ['feature,label\n1,a\n1,b\n', 'found two for feature 1, in lines 2 and 3', 'keep one'],
    ['feature,label\n1,"a\n', 'a quotation mark that does not fit', 'line 2'],
    ['feature,label\n1,\n', 'line 2: one line of 1 to 300 characters, found an empty one', 'a few words'],
    ['feature,label\n1,"a\nb"\n', 'the control character U+000A', 'line 2'],
    ['{"feature": 1, "label": "a"}\n[1]\n', 'another thing in line 2', '{"feature": 77'],
    ['{"feature": 1, "label": "\\ud800"}\n', 'half of a character', 'line 1'],
    ['{"feature": 1}\n', 'line 1, found nothing', 'give feature and label'],
    ['feature,label\n', 'Expected labels in', 'found none'],
    ['feature,label\n1,a\n64,b\n', 'Expected a feature number from 0 to 63, got 64', 'has 64 features'],
  ])('that are wrong (%j) are refused, and nothing is changed', async (text, ...messages) => {
    await writeFile(join(folder, 'wrong.txt'), text);
    const before = await readdir(join(folder, 'data', 'labels'), { recursive: true }).catch(() => []);
    const result = await cli('label', 'dict', '--from', 'wrong.txt');
    expect(result).toMatchObject({ code: 2, out: '' });
    for (const message of messages) expect(result.err).toContain(message);
    expect(await readdir(join(folder, 'data', 'labels'), { recursive: true }).catch(() => [])).toEqual(before);
  });
});

describe('a command line that contradicts itself or names what is not there', () => {
  beforeEach(clear);

  it.each([
    [['label', 'dict', 'x', 'text'], 'Expected the number of a feature, found "x"'],
    [['label', 'dict', '64', 'text'], 'Expected a feature number from 0 to 63, got 64'],
    [['label', 'dict', '3', ''], 'one line of 1 to 300 characters, found an empty one'],
    [['label', 'dict', '3', 'x'.repeat(301)], 'found 301 characters'],
    [['label', 'dict', '3', 'text', '--remove'], 'Expected --remove or the text "text", found both'],
    [['label', 'dict', '--remove'], 'Expected the number of a feature beside --remove'],
    [['label', 'dict', '3', '--from', 'f.csv'], 'Expected --from f.csv or feature 3, found both'],
    [['label', 'dict', '--from', 'f.csv', '--remove'], 'Expected --from f.csv or --remove, found both'],
    [['label', 'dict', '3', '--remove'], 'to have a label that somebody gave, found none'],
    [['label', 'dict', '--from', 'nothing.csv'], 'Cannot read the labels'],
    [['label', 'dikt'], 'did you mean dict'],
  ])('%j is refused', async (argv, message) => {
    const result = await cli(...argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
  });

  it('says that a feature without a label has none', async () => {
    expect(await cli('label', 'dict', '3')).toMatchObject({ code: 0, out: 'small/dict: no labels\n' });
  });

  it('lists no more than --limit, and says how many there are', async () => {
    const text = Array.from({ length: 9 }, (_, i) => `${i},label ${i}`).join('\n');
    await runCli(['label', 'dict', '--from', '-', '--store', 'data'], { cwd: folder, stdin: text });
    expect(features((await document(labelDocument, 'label', 'dict', '--limit', '2')).labels)).toEqual([0, 1]);
    expect((await cli('label', 'dict', '--limit', '2')).out).toMatch(/^small\/dict: 9 labels\n[^]*\nand 7 more\n$/);
  });
});

// Last: two runs make the short name `dict` ambiguous.
describe('a label of a dictionary that two runs hold', () => {
  beforeEach(clear);

  it('belongs to the dictionary: another run that holds the same one shows it', async () => {
    const store = await openStore('file://./data', { base: folder });
    const again = await writeRun(folder, (yaml) => yaml.replace('name: small', 'name: other'));
    await runStages(store, await submitRun(store, again), { folder });
    await store.close();
    await document(labelDocument, 'label', 'small/dict', '3', 'villages');
    const [mine, others] = [
      await document(labelDocument, 'label', 'small/dict'),
      await document(labelDocument, 'label', 'other/dict'),
    ];
    expect(others).toEqual({ ...mine, dict: 'other/dict' });
    await document(labelDocument, 'label', 'other/dict', '3', '--remove');
    expect((await document(labelDocument, 'label', 'small/dict')).labels).toEqual([]);
  });
});
