// Lists of features over a finished run that the real stages wrote: every number equals a scan of all stored rows.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { halfToFloat } from '../../../core/tensor/half.js';
import { describeDocument } from '../../../schemas/documents/datasets.js';
import { featuresDocument } from '../../../schemas/documents/feature-list.js';
import { labelDocument } from '../../../schemas/documents/labels.js';
import { readSafetensors } from '../../../storage/files/safetensors-file.js';
import { readTable } from '../../../storage/tables/read.js';
import { countTokenFirings } from '../../../reading/features/token-firings.js';
import { openPinnedDictionary } from '../../../reading/dictionary/open-dictionary.js';
import { openStore } from '../../../storage/objects/open-store.js';
import { newCounters } from '../../../storage/scan/batch-reader.js';
import { TOKENIZER } from '../../harness/fixtures.js';
import { finishedRun } from './finished-run.js';

const { folder, cli, document } = finishedRun();
const tokenizer = new Tokenizer(readFileSync(TOKENIZER));

type List = z.infer<typeof featuresDocument>['list'];
const list = async (...argv: string[]): Promise<List> =>
  (await document(featuresDocument, 'features', 'dict', ...argv)).list;
const numbers = (features: List): number[] => features.map(({ feature }) => feature);

interface Scan {
  rows: number;
  /** Stored rows by token id. */
  readonly rowsOf: Map<number, number>;
  /** Firings by feature, then by token id. */
  readonly firings: Map<number, Map<number, number>>;
  readonly max: Map<number, number>;
}
const scan: Scan = { rows: 0, rowsOf: new Map(), firings: new Map(), max: new Map() };

beforeAll(async () => {
  const ids = new Map<number, Uint32Array>();
  for (const { key } of (await document(describeDocument, 'describe', 'small/tokens')).objects) {
    const { columns } = await readTable('tokens', join(folder, 'data', key));
    columns.doc.forEach((doc, row) => ids.set(doc, columns.ids.slice(columns.offsets[row], columns.offsets[row + 1])));
  }
  for (const { key } of (await document(describeDocument, 'describe', 'small/dict/acts')).objects) {
    const { columns } = await readTable('acts', join(folder, 'data', key));
    columns.doc.forEach((doc, row) => {
      const token = ids.get(doc)?.[columns.pos[row] ?? 0] ?? -1;
      scan.rows++;
      add(scan.rowsOf, token);
      for (let i = columns.features.offsets[row] ?? 0; i < (columns.features.offsets[row + 1] ?? 0); i++) {
        const feature = columns.features.feature[i] ?? 0;
        const own = scan.firings.get(feature) ?? new Map<number, number>();
        scan.firings.set(feature, own);
        add(own, token);
        scan.max.set(feature, Math.max(scan.max.get(feature) ?? 0, halfToFloat(columns.features.value[i] ?? 0)));
      }
    });
  }
});

function add(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function total(counts: ReadonlyMap<number, number> | undefined): number {
  return [...(counts?.values() ?? [])].reduce((sum, n) => sum + n, 0);
}

describe('a list of features', () => {
  it('holds n, density, max and the most frequent tokens with their share, as a scan of all rows has them', async () => {
    const all = await document(featuresDocument, 'features', 'dict', '--limit', '64', '--sort', 'feature');
    expect(all).toMatchObject({
      dict: 'small/dict',
      features: 64,
      matching: 64,
      sort: 'feature',
      offset: 0,
      unbeaten: [],
    });
    expect(all.splits).toEqual(['fit', 'calib', 'test']);
    expect(numbers(all.list)).toEqual(Array.from({ length: 64 }, (_, i) => i));
    for (const { feature, n, density, max, topTokens, label } of all.list) {
      const own = scan.firings.get(feature) ?? new Map<number, number>();
      expect({ feature, n, density, label }).toEqual({ feature, n: total(own), density: n / scan.rows, label: null });
      expect(max).toEqual(n === 0 ? null : scan.max.get(feature));
      const most = [...own].sort(([a, x], [b, y]) => y - x || a - b).slice(0, 10);
      expect(topTokens).toEqual(
        most.map(([id, times]) => ({ id, token: tokenizer.textsOf([id])[0], n: times, share: times / n })),
      );
    }
  });

  it.each([
    ['density', (feature: number) => -total(scan.firings.get(feature))],
    ['n', (feature: number) => -total(scan.firings.get(feature))],
    ['max', (feature: number) => -(scan.max.get(feature) ?? -Infinity)],
    ['feature', (feature: number) => feature],
  ] as const)('sorted by %s comes in that order, equal ones by number, in pages', async (sort, key) => {
    const expected = Array.from({ length: 64 }, (_, i) => i).sort((a, b) => compare(key(a), key(b)) || a - b);
    expect(numbers(await list('--sort', sort, '--limit', '64'))).toEqual(expected);
    const page = ['--sort', sort, '--limit', '5', '--offset', '10'];
    expect(numbers(await list(...page))).toEqual(expected.slice(10, 15));
  });

  it('is twenty of them by density where nobody says more', async () => {
    expect(await list()).toEqual(await list('--sort', 'density', '--limit', '20'));
    expect((await cli('features', 'dict')).out).toMatch(
      /^small\/dict: 64 of 64 features\nfeature +n +density +max +fires most on\n[^]*\nand 44 more: --offset 20, --limit\nOver the splits fit, calib, test\.\n$/,
    );
    expect((await cli('features', 'dict', '--offset', '64')).out).toContain('none behind the first 64');
  });

  it('of dead and of dense ones holds those that never fire, and those on more than 10 % of the rows', async () => {
    const all = Array.from({ length: 64 }, (_, i) => i);
    const dead = all.filter((feature) => !scan.firings.has(feature));
    const dense = all.filter((feature) => total(scan.firings.get(feature)) > 0.1 * scan.rows);
    expect(dense.length > 0 && dense.length < 64).toBe(true);
    expect(numbers(await list('--dead', '--limit', '64'))).toEqual(dead);
    expect(numbers(await list('--dense', '--limit', '64', '--sort', 'feature'))).toEqual(dense);
  });

  it('by label holds those whose label has the text, whatever its case', async () => {
    await document(labelDocument, 'label', 'dict', '9', 'Names of Villages');
    await document(labelDocument, 'label', 'dict', '4', 'kings');
    const found = await document(featuresDocument, 'features', 'dict', '--label', 'village');
    expect(found).toMatchObject({
      matching: 1,
      list: [{ feature: 9, label: { label: 'Names of Villages', source: 'user' } }],
    });
    expect((await cli('features', 'dict', '--label', 'KING')).out).toMatch(/ label\n +4 .* kings\n/);
    expect((await cli('features', 'dict', '--label', 'none')).out).toBe('small/dict: 0 of 64 features\n');
  });
});

describe('features of a token', () => {
  it('have precision and recall over all stored rows, for every token of the corpus', async () => {
    const tokens = [...scan.rowsOf].sort(([a, x], [b, y]) => y - x || a - b).filter((_, i) => i % 40 === 0);
    expect(tokens.length).toBeGreaterThan(5);
    for (const [id, rows] of tokens) {
      const text = tokenizer.textsOf([id])[0] ?? '';
      const found = await document(featuresDocument, 'features', 'dict', '--token', text, '--limit', '64');
      expect(found.token).toEqual({ text, ids: [id], rows, method: 'acts' });
      const expected = [...scan.firings].flatMap(([feature, own]) => {
        const n = own.get(id) ?? 0;
        return n === 0 ? [] : [{ feature, onToken: { n, precision: n / total(own), recall: n / rows } }];
      });
      expect(found.sort).toBe('match');
      const byNumber = (a: { feature: number }, b: { feature: number }): number => a.feature - b.feature;
      expect(found.list.map(({ feature, onToken }) => ({ feature, onToken })).sort(byNumber)).toEqual(
        expected.sort(byNumber),
      );
      const f1 = found.list.map(
        ({ onToken: on }) => ((on?.precision ?? 0) * (on?.recall ?? 0)) / ((on?.precision ?? 0) + (on?.recall ?? 0)),
      );
      expect(f1).toEqual([...f1].sort((a, b) => b - a));
    }
  });

  it('are those that the index names, with the same numbers, where a scan would read too much', async () => {
    const store = await openStore('file://./data', { base: folder });
    const opened = await openPinnedDictionary(
      store,
      { run: 'small', dictionary: 'dict' },
      new AbortController().signal,
    );
    const [[id, rows] = [0, 0]] = [...scan.rowsOf].sort(([, x], [, y]) => y - x);
    const { tokens, encoded, packing } = opened.dictionary.objects;
    const search = {
      ids: [id],
      tokens,
      acts: encoded,
      features: 64,
      rows: { packing, dropPositions: [], dropTokens: [] },
    };
    const read = { store, counters: newCounters() };
    expect(await countTokenFirings({ ...search, read, mostBytes: 1 })).toEqual({ rows, firings: null });
    // Another rule than the rows were stored by is told, not believed.
    const wrong = { ...search.rows, dropPositions: [5] };
    expect(await countTokenFirings({ ...search, rows: wrong, read, mostBytes: 1 })).toEqual({
      rows: null,
      firings: null,
    });
    await store.close();
  });

  it('are a table with both', async () => {
    const text = tokenizer.textsOf([[...scan.rowsOf].sort(([, x], [, y]) => y - x)[0]?.[0] ?? 0])[0] ?? '';
    const { out } = await cli('features', 'dict', '--token', text);
    expect(out).toMatch(
      /^small\/dict: \d+ of 64 features fire on ".*" \(\d+ stored rows of it, counted on every one\)\n/,
    );
    expect(out).toMatch(/\nfeature +precision +recall +n +density/);
  });
});

describe('features like another', () => {
  it('are those of the greatest cosine of decoder rows, from the weights', async () => {
    const [weights] = (await document(describeDocument, 'describe', 'small/dict/weights')).objects;
    const { shape = [], bytes = new Uint8Array() } =
      (await readSafetensors(join(folder, 'data', weights?.key ?? ''))).get('W_dec') ?? {};
    const [features = 0, width = 0] = shape;
    const values = new Float32Array(bytes.slice().buffer);
    const row = (f: number): number[] => Array.from(values.subarray(f * width, (f + 1) * width));
    const dot = (a: number[], b: number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
    const cosine = (a: number, b: number): number =>
      dot(row(a), row(b)) / Math.sqrt(dot(row(a), row(a)) * dot(row(b), row(b)));
    const expected = Array.from({ length: features }, (_, f) => f)
      .filter((f) => f !== 7)
      .sort((a, b) => cosine(7, b) - cosine(7, a));
    const found = await document(featuresDocument, 'features', 'dict', '--like', '7');
    expect(found).toMatchObject({ matching: 10, sort: 'match', like: { feature: 7, method: 'weights' } });
    expect(numbers(found.list)).toEqual(expected.slice(0, 10));
    for (const one of found.list) expect(one.cosine).toBeCloseTo(cosine(7, one.feature), 6);
    expect(numbers(await list('--like', '7', '--limit', '64'))).toEqual(expected);
    expect((await cli('features', 'dict', '--like', '7')).out).toContain(
      'by the cosine of their decoder rows with feature 7',
    );
  });
});

describe('what cannot be listed', () => {
  it.each([
    [['--token', ' Mosess'], 'which is none (it is made of', 'did you mean'],
    [['--token', ''], 'Expected the text of one token in --token, found ""', 'give one token'],
    [['--like', '64'], 'Expected a feature number from 0 to 63 in --like, got 64', ''],
    [['--token', ' the', '--like', '3'], 'Expected --token or --like, found both', ''],
    [['--dead', '--dense'], 'Expected --dead or --dense, found both', ''],
    [['--sort', 'match'], 'Expected --token or --like beside --sort match', ''],
    [['--sort', 'size'], 'density, max, n, feature, match', ''],
    [['--limit', '0'], 'whole number of at least 1', ''],
  ])('%j is refused', async (argv, ...messages) => {
    const result = await cli('features', 'dict', ...argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    for (const message of messages) expect(result.err).toContain(message);
  });

  it('names the token with a space where only that is one', async () => {
    expect((await cli('features', 'dict', '--token', 'LORD')).err).toMatch(/did you mean " LORD"/);
  });
});

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
