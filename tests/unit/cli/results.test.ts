// Commands over a finished run that the real stages wrote: what they print equals what is stored.
import { readFileSync } from 'node:fs';
import { cp, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CLI_DOCUMENTS } from '../../../schemas/documents/documents.js';
import { datasetsDocument, describeDocument, verifyDocument } from '../../../schemas/documents/datasets.js';
import { findDocument, metricsDocument, sqlDocument, topDocument } from '../../../schemas/documents/features.js';
import { Tokenizer } from '../../../core/corpus/tokenizer/tokenizer.js';
import { halfToFloat } from '../../../core/tensor/half.js';
import { datasetDigest } from '../../../core/identity/digest.js';
import { readTable } from '../../../storage/tables/read.js';
import { TOKENIZER } from '../../harness/fixtures.js';
import { finishedRun } from './finished-run.js';
import { runCli } from './harness.js';
import { SITE } from './pipeline.js';

const { folder, cli, document } = finishedRun();
let untouched: string[] = [];
beforeAll(async () => {
  untouched = await readdir(join(folder, 'data'), { recursive: true });
});

interface Firing {
  readonly doc: number;
  readonly pos: number;
  readonly value: number;
}

/** All firings by feature, read from the stored `acts` tables. */
async function firings(): Promise<{ rows: number; byFeature: Map<number, Firing[]> }> {
  const { objects } = await document(describeDocument, 'describe', 'small/dict/acts');
  const byFeature = new Map<number, Firing[]>();
  let rows = 0;
  for (const { key } of objects) {
    const { columns } = await readTable('acts', join(folder, 'data', key));
    rows += columns.doc.length;
    columns.doc.forEach((doc, row) => {
      for (let i = columns.features.offsets[row] ?? 0; i < (columns.features.offsets[row + 1] ?? 0); i++) {
        const feature = columns.features.feature[i] ?? 0;
        const firing = {
          doc,
          pos: columns.pos[row] ?? 0,
          value: halfToFloat(columns.features.value[i] ?? 0),
        };
        byFeature.set(feature, [...(byFeature.get(feature) ?? []), firing]);
      }
    });
  }
  return { rows, byFeature };
}

/** Strongest firing of each context of 31 tokens, then the strongest contexts: value down, then doc, pos. */
function strongest(list: readonly Firing[], k: number): Firing[] {
  const best = new Map<string, Firing>();
  for (const firing of list) {
    const context = `${firing.doc}/${Math.floor(firing.pos / 31)}`;
    if (firing.value > (best.get(context)?.value ?? -Infinity)) best.set(context, firing);
  }
  return [...best.values()].sort((a, b) => b.value - a.value || a.doc - b.doc || a.pos - b.pos).slice(0, k);
}

describe('datasets, describe and verify', () => {
  it('list every table under its contract name, with the digest of its objects', async () => {
    const entries = await document(datasetsDocument, 'datasets');
    const dictionary = ['acts', 'features', 'postings', 'postings-runs', 'top', 'training', 'weights'];
    expect(entries.map((entry) => entry.name)).toEqual([
      `small/activations/${SITE}`,
      'small/corpus',
      ...dictionary.map((table) => `small/dict/${table}`),
      'small/documents',
      'small/tokens',
    ]);
    for (const { name, digest, rows, bytes, snapshot } of entries) {
      const found = await document(describeDocument, 'describe', name);
      expect(found).toMatchObject({ dataset: name, digest, rows, snapshot });
      expect(datasetDigest(found.objects)).toBe(digest);
      expect(found.objects.reduce((sum, object) => sum + object.bytes, 0)).toBe(bytes);
    }
  });

  it('print tables for people', async () => {
    expect((await cli('datasets')).out).toMatch(/^dataset +table +rows +size +digest +snapshot\nsmall\/activations/);
    expect((await cli('describe', 'small/documents')).out).toMatch(/snapshot 1, complete[^]*rows {4}28\n/);
  });

  it('find a sound dataset sound', async () => {
    const report = await document(verifyDocument, 'verify', 'small/dict/postings');
    expect(report).toMatchObject({ ok: true, damage: [], digest: report.expected });
  });

  it('find a damaged object by name and return 1', async () => {
    const copy = join(folder, 'damaged');
    await cp(join(folder, 'data'), copy, { recursive: true });
    const { objects } = await document(describeDocument, 'describe', 'small/tokens');
    const bad = objects[2]?.key ?? '';
    await truncate(join(copy, bad), 100);
    const result = await runCli(['verify', 'small/tokens', '--store', copy, '--json'], {
      cwd: folder,
    });
    expect(result.code).toBe(1);
    const report = verifyDocument.parse(result.json());
    expect(report.ok).toBe(false);
    expect(report.damage.map((damage) => damage.key)).toEqual([bad]);
    expect(report.digest).not.toBe(report.expected);
    const text = await runCli(['verify', 'small/tokens', '--store', copy], { cwd: folder });
    expect(text.out).toContain(bad);
    expect(text.out).toContain('assay resume');
  });

  it('refuse unknown datasets with the nearest names', async () => {
    const result = await cli('describe', 'small/tokns');
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain('did you mean small/tokens');
  });
});

describe('metrics', () => {
  it('equal what acts say of each split, with n and an interval around the value', async () => {
    const [entry, ...others] = await document(metricsDocument, 'metrics', 'dict');
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ dictionary: 'small/dict', revision: 1, level: 0.95 });
    expect(entry?.method).toBe('bootstrap over documents, 1000 resamples');
    expect(entry?.splits.map(({ split }) => split)).toEqual(['fit', 'calib', 'test']);
    for (const { split, rows, documents, firings: fired, metrics } of entry?.splits ?? []) {
      const of = `from acts a join documents d using (doc) where d.split = '${split}'`;
      const [counted] = await sqlRows(`select count(*), count(distinct doc), sum(len(features)) ${of}`);
      expect([rows, documents, fired]).toEqual(counted?.map(Number));
      const perFeature = `select f.feature, count(*) n from (select unnest(features) f ${of}) group by 1`;
      const [seen] = await sqlRows(`select count(*), count(*) filter (n > ${0.1 * rows}) from (${perFeature})`);
      const features = metrics.silent.n;
      expect(metrics.silent).toEqual({ value: features - Number(seen?.[0]), lo: null, hi: null, n: features });
      expect(metrics.dense).toEqual({ value: Number(seen?.[1]), lo: null, hi: null, n: features });
      // L0 = firings / rows
      expect(metrics.l0).toMatchObject({ value: fired / rows, n: rows });
      const { value, lo, hi, n } = metrics.fvu;
      expect(n).toBe(rows);
      // One document has no interval.
      if (documents < 2) expect([lo, hi]).toEqual([null, null]);
      else expect([lo, value, hi]).toEqual([lo, value, hi].sort((a, b) => Number(a) - Number(b)));
    }
  });

  it('of two dictionaries stand side by side, the test split first', async () => {
    const [entry] = await document(metricsDocument, 'metrics', 'small/dict');
    const test = entry?.splits.find(({ split }) => split === 'test');
    const { out } = await cli('metrics', 'small/dict', 'dict');
    expect(out).toMatch(
      /^test: nothing was fitted to it +small\/dict +small\/dict\nfraction of variance unexplained +/,
    );
    expect(out.match(new RegExp(String(test?.metrics.fvu.value?.toPrecision(4)), 'g'))).toHaveLength(2);
    expect(out).toContain(`${String(test?.rows)} tokens of ${String(test?.documents)} documents`);
    expect(out).toContain('In brackets: 95 % intervals by bootstrap over documents, 1,000 resamples.');
  });

  it('of an unknown dictionary are refused with what there is', async () => {
    const result = await cli('metrics', 'dict', 'dikt');
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain('did you mean dict');
  });
});

async function sqlRows(query: string): Promise<unknown[][]> {
  return (await document(sqlDocument, 'sql', query)).rows;
}

describe('top', () => {
  it('equals a brute-force scan over acts for every feature', async () => {
    const { rows, byFeature } = await firings();
    for (let feature = 0; feature < 64; feature += 7) {
      const list = byFeature.get(feature) ?? [];
      const found = await document(topDocument, 'top', 'dict', String(feature), '--k', '8');
      expect(found).toMatchObject({
        dict: 'small/dict',
        feature,
        n: list.length,
        density: list.length / rows,
      });
      expect(found.examples.map(({ doc, pos, value }) => ({ doc, pos, value }))).toEqual(strongest(list, 8));
    }
  });

  it('names the tokens on which the feature fires most, as text', async () => {
    const { rows } = await document(sqlDocument, 'sql', 'select feature, top_tokens from features where n > 0 limit 5');
    const tokenizer = new Tokenizer(readFileSync(TOKENIZER));
    expect(rows.length).toBe(5);
    for (const [feature, stored] of rows as [number, { token: number; n: number }[]][]) {
      const { topTokens } = await document(topDocument, 'top', 'dict', String(feature), '--k', '1');
      const texts = tokenizer.textsOf(stored.map(({ token }) => token));
      expect(topTokens).toEqual(stored.map(({ token, n }, i) => ({ id: token, token: texts[i], n })));
      expect(topTokens.length).toBeGreaterThan(0);
    }
  });

  it('renders tokens of the document with the value of each', async () => {
    const { byFeature } = await firings();
    const [feature, list] = [...byFeature].sort((a, b) => b[1].length - a[1].length)[0] ?? [0, []];
    const { examples } = await document(
      topDocument,
      'top',
      'small/dict',
      String(feature),
      '--k',
      '1',
      '--context',
      '5',
    );
    const [example] = examples;
    const own = new Map(list.filter((f) => f.doc === example?.doc).map((f) => [f.pos, f.value]));
    expect(example?.tokens.length).toBe(example?.values.length);
    expect(example?.values).toEqual(example?.values.map((_, i) => own.get(example.start + i) ?? 0));
    const { rows } = await document(
      sqlDocument,
      'sql',
      `select id, split, text from documents where doc = ${example?.doc ?? -1}`,
    );
    expect([example?.docId, example?.split]).toEqual(rows[0]?.slice(0, 2));
    expect(String(rows[0]?.[2])).toContain(example?.tokens.join(''));
  });

  it('marks tokens by guillemets where there are no colours, by colour on a terminal', async () => {
    const plain = await cli('top', 'dict', '3', '--k', '1');
    expect(plain.out).toMatch(/^small\/dict {2}feature 3: fires on \d+ rows[^]*«/);
    const colour = await runCli(['top', 'dict', '3', '--k', '1', '--store', 'data'], {
      cwd: folder,
      isTTY: true,
    });
    expect(colour.out).toContain('\u001b[41;97m');
    expect(colour.out).not.toContain('«');
  });

  it('says that the index keeps no more than so many examples', async () => {
    expect((await cli('top', 'dict', '3', '--k', '50')).err).toContain('The index keeps 8 examples per feature');
  });

  it.each([
    [['top', 'dict', '64'], 'Expected a feature number from 0 to 63, got 64'],
    [['top', 'dict', 'x'], 'Expected the number of a feature, found "x"'],
    [['top', 'dictt', '3'], 'did you mean'],
  ])('%j is refused', async (argv, message) => {
    const result = await cli(...argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
  });
});

describe('find', () => {
  it('gives the values that top stores, within one f16 step', async () => {
    const { rows } = await document(sqlDocument, 'sql', 'select doc, text from documents where doc in (0, 20)');
    const { byFeature } = await firings();
    for (const [doc, text] of rows) {
      const found = await document(findDocument, 'find', 'dict', String(text));
      const stored = new Map<string, number>();
      for (const [feature, list] of byFeature)
        for (const f of list) if (f.doc === doc) stored.set(`${f.pos}/${feature}`, f.value);
      const computed = found.tokens.flatMap((t) => t.features.map((f) => [`${t.pos}/${f.feature}`, f.value] as const));
      expect(computed.map(([name]) => name).sort()).toEqual([...stored.keys()].sort());
      for (const [name, value] of computed)
        expect(Math.abs(value - (stored.get(name) ?? 0))).toBeLessThanOrEqual(2 ** -10 * value);
      expect(found.tokens.map((token) => token.token).join('')).toBe(text);
    }
  });

  it('shows the strongest features of each token', async () => {
    const { out } = await cli('find', 'dict', 'In the beginning', '--k', '1');
    expect(out).toMatch(
      /^small\/dict at blocks\.2\.hook_resid_post\npos +token +feature: value\n {2}0 +In +\d+: [\d.]+ {2}and 3 more\n/,
    );
  });

  it('gives as many features of each token as are asked for, with --json too', async () => {
    const all = await document(findDocument, 'find', 'dict', 'In the beginning');
    const two = await document(findDocument, 'find', 'dict', 'In the beginning', '--k', '2');
    expect(all.tokens.some(({ features }) => features.length > 2)).toBe(true);
    expect(two.tokens).toEqual(all.tokens.map((token) => ({ ...token, features: token.features.slice(0, 2) })));
  });

  it('refuses an empty text', async () => {
    expect(await cli('find', 'dict', '')).toMatchObject({ code: 2, out: '' });
    // Nothing comes on standard input here.
    expect(await cli('find', 'dict', '-')).toMatchObject({ code: 2, out: '' });
  });
});

describe('every document that a reading command prints', () => {
  it.each([
    ['datasets', ['datasets']],
    ['describe', ['describe', 'small/tokens']],
    ['runs', ['runs']],
    ['status', ['status', 'small']],
    ['logs', ['logs', 'small']],
    ['quarantine', ['quarantine', 'small']],
    ['explain', ['explain', 'small']],
  ] as const)('%s fits its schema, and nothing else is on stdout', async (name, argv) => {
    const found = await document(CLI_DOCUMENTS[name], ...argv);
    expect(found).toBeTruthy();
  });

  it('leave the store as it was', async () => {
    expect(await readdir(join(folder, 'data'), { recursive: true })).toEqual(untouched);
  });
});
