// Cards over a finished run that the real stages wrote, with the tables beside the index: what they show is what is stored, in a
// terminal and as a page that nothing in a text can break.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cardDocument } from '../../../schemas/documents/cards.js';
import { sqlDocument } from '../../../schemas/documents/features.js';
import { labelDocument } from '../../../schemas/documents/labels.js';
import { sampleFeatures } from '../../../reading/card/sample-features.js';
import { ValueCounts } from '../../../reading/card/histogram.js';
import { floatToHalf } from '../../../core/tensor/half.js';
import { cardsHtml } from '../../../cli/render/card-html.js';
import { finishedRun } from './finished-run.js';
import { runCli } from './harness.js';

const { folder, cli, document } = finishedRun('label');

async function rows(query: string): Promise<unknown[][]> {
  return (await document(sqlDocument, 'sql', query)).rows;
}

/** A feature that fires often enough to have examples of several bands. */
async function busy(): Promise<number> {
  return Number((await rows('select feature from features where density < 0.3 order by n desc limit 1'))[0]?.[0]);
}

describe('a card', () => {
  it('holds the numbers, values and tokens of the index', async () => {
    const feature = await busy();
    const { cards, ...rest } = await document(cardDocument, 'card', 'dict', String(feature));
    expect(rest).toMatchObject({
      dict: 'small/dict',
      splits: ['fit', 'calib', 'test'],
      sample: null,
      html: null,
      unbeaten: [],
    });
    const [card] = cards;
    const [stored] = await rows(`select n, density, max, mean, p50, p90, p99 from features where feature = ${feature}`);
    expect([card?.n, card?.density, card?.max, card?.mean, card?.p50, card?.p90, card?.p99]).toEqual(
      stored?.map(Number),
    );
    const bins = await rows(
      `select least(39, ceil(40.0 * value / ${card?.max ?? 1}) - 1) bin, count(*) from postings where feature = ${feature} and value > 0 group by 1 order by 1`,
    );
    const counts = new Array<number>(40).fill(0);
    for (const [bin, count] of bins) counts[Number(bin)] = Number(count);
    expect(card?.histogram).toEqual({ max: card?.max, counts });
    expect(card?.topTokens.reduce((sum, { share }) => sum + share, 0)).toBeLessThanOrEqual(1 + 1e-9);
    expect(card?.topTokens.every(({ n, share }) => share === n / (card.n || 1))).toBe(true);
  });

  it('shows the examples of the table bands, each with its own value in its own band, and rows without the feature', async () => {
    const feature = await busy();
    const [card] = (await document(cardDocument, 'card', 'dict', String(feature))).cards;
    expect(card?.drawnFrom).toBe('bands');
    expect(card?.bands.map(({ band }) => band)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    const max = card?.max ?? 0;
    let seen = 0;
    for (const { band, n, examples } of card?.bands ?? []) {
      const four = card?.histogram?.counts.slice(4 * band, 4 * band + 4) ?? [];
      expect(n).toBe(four.reduce((a, b) => a + b, 0));
      expect(examples.length).toBeLessThanOrEqual(Math.min(4, n));
      for (const { doc, pos, value, values, start, tokens } of examples) {
        seen++;
        expect(Math.ceil((10 * value) / max) - 1).toBe(band);
        expect(values[pos - start]).toBe(value);
        expect(tokens).toHaveLength(values.length);
        const posting = await rows(
          `select value from postings where feature = ${feature} and doc = ${doc} and pos = ${pos}`,
        );
        expect(Number(posting[0]?.[0])).toBe(value);
      }
    }
    expect(seen).toBeGreaterThan(5);
    expect(card?.quiet.length).toBeGreaterThan(0);
    for (const { value, values, pos, start } of card?.quiet ?? []) expect([value, values[pos - start]]).toEqual([0, 0]);
  });

  it('shows promoted tokens and neighbours as their tables have them, with labels', async () => {
    const feature = await busy();
    await document(labelDocument, 'label', 'dict', String(feature), 'a <b>name</b>');
    const [card] = (await document(cardDocument, 'card', 'dict', String(feature))).cards;
    expect(card?.label).toEqual({ label: 'a <b>name</b>', source: 'user', score: null, n: 0 });
    const [stored] = await rows(
      `select n.cosine, n.together, p.raised, p.lowered from neighbours n join promoted p using (feature) where feature = ${feature}`,
    );
    const [cosine, together, raised, lowered] = stored as { feature?: number; token?: number; value: number }[][];
    const near = card?.neighbours;
    expect(near?.cosine.map(({ feature: one, value }) => [one, value])).toEqual(
      cosine?.map((o) => [o.feature, o.value]),
    );
    expect(near?.together.map(({ feature: one, value }) => [one, value])).toEqual(
      together?.map((o) => [o.feature, o.value]),
    );
    const promoted = card?.promoted;
    expect(promoted?.raised.map(({ id, value }) => [id, value])).toEqual(raised?.map((o) => [o.token, o.value]));
    expect(promoted?.lowered.map(({ id, value }) => [id, value])).toEqual(lowered?.map((o) => [o.token, o.value]));
    expect(card?.neighbours?.cosine.length).toBe(10);
    expect(card?.promoted?.raised.length).toBe(10);
    const values = card?.promoted?.raised.map(({ value }) => value) ?? [];
    expect(values).toEqual([...values].sort((a, b) => b - a));
    const [other] = (await document(cardDocument, 'card', 'dict', String(near?.cosine[0]?.feature))).cards;
    const back = other?.neighbours?.cosine.find((one) => one.feature === feature);
    if (back !== undefined) expect(back.label).toBe('a <b>name</b>');
  });

  it('fits the terminal, and is plain in a pipe', async () => {
    const feature = await busy();
    const { out } = await cli('card', 'dict', String(feature));
    expect(out).toMatch(
      new RegExp(`^small/dict {2}feature ${feature}.*\nfires on [\\d,]+ rows \\(density .*max [\\d.]+\nvalues {2}0 `),
    );
    for (const head of ['\non      "', '\nraises  ', '\nlowers  ', '\nnear    ', '«', '\n    not '])
      expect(out).toContain(head);
    const narrow = await runCli(['card', 'dict', String(feature), '--store', 'data'], {
      ...{ cwd: folder, isTTY: true, columns: 80, environment: { ASSAY_CACHE: join(folder, 'cache') } },
    });
    expect(narrow.out).toContain('\u001b[41;97m');
    // eslint-disable-next-line no-control-regex -- colours take no columns
    for (const line of narrow.out.replace(/\u001b\[[\d;]*m/g, '').split('\n'))
      expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('automatic labels', () => {
  it('are shown where no user gave one, and come back when that is removed', async () => {
    const [[feature, label, score, n] = []] = await rows(
      "select feature, label, score, n from labels where source = 'auto' and label <> '' and score is not null limit 1",
    );
    const auto = { label, source: 'auto', score, n };
    const labelOf = async (): Promise<unknown> =>
      (await document(cardDocument, 'card', 'dict', String(feature))).cards[0]?.label;
    expect(await labelOf()).toEqual(auto);
    await document(labelDocument, 'label', 'dict', String(feature), 'by hand');
    expect(await labelOf()).toEqual({ label: 'by hand', source: 'user', score: null, n: 0 });
    const inSql = `select label, source from labels where feature = ${String(feature)}`;
    expect(await rows(inSql)).toEqual([['by hand', 'user']]);
    const removed = await document(labelDocument, 'label', 'dict', String(feature), '--remove');
    expect(removed.labels).toEqual([{ feature, ...auto }]);
    expect(await rows(inSql)).toEqual([[label, 'auto']]);
  });
});

describe('a page of cards', () => {
  it('is one file that loads and runs nothing, with a picture and escaped texts', async () => {
    const feature = await busy();
    await document(labelDocument, 'label', 'dict', String(feature), '</title><script>alert(1)</script>&"\'');
    const found = await document(cardDocument, 'card', 'dict', String(feature), '--html', 'card.html');
    expect(found.html).toBe(join(folder, 'card.html'));
    const page = await readFile(join(folder, 'card.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>\n[^]*<svg [^]*<\/html>\n$/);
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|src=|href=|javascript:| on\w+=/i);
    expect(page).toContain('&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;');
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page.match(/<rect class="bar/g)?.length).toBe(found.cards[0]?.histogram?.counts.filter((n) => n > 0).length);
    for (const tag of ['article', 'section', 'div', 'figure', 'svg', 'details', 'bdi', 'mark', 'span'])
      expect(page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length, tag).toBe(
        page.match(new RegExp(`</${tag}>`, 'g'))?.length,
      );
    const said = await cli('card', 'dict', String(feature), '--html', 'card.html');
    expect(said.out).toMatch(/^1 card of small\/dict in .*card\.html, [\d.]+ KB\n$/);
  });

  it('escapes whatever stands in documents, tokens and ids', async () => {
    const [card] = (await document(cardDocument, 'card', 'dict', String(await busy()))).cards;
    const evil = '<img src=x onerror=1>\u202e\u0000"';
    const example = {
      ...{ doc: 0, docId: evil, split: 'test' as const, pos: 0, start: 0, value: 1 },
      tokens: [evil],
      values: [1],
    };
    const token = { id: 1, token: evil, n: 1, share: 1 };
    const bad = {
      ...(card as NonNullable<typeof card>),
      topTokens: [token],
      bands: [{ band: 9, n: 1, examples: [example] }],
      quiet: [example],
    };
    const shared = {
      dict: evil,
      site: evil,
      splits: ['test' as const],
      sample: { key: evil, of: 1 },
      unbeaten: [],
      html: null,
    };
    const page = cardsHtml({ ...shared, cards: [bad] }, evil);
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u202e');
    expect(page).toContain('&lt;img src=x onerror=1&gt;\\u202e\\u0000&quot;');
  });
});

describe('a draw by key', () => {
  it('takes live features alone, the same for everybody, whatever the order in which they come', async () => {
    const live = (await rows('select feature from features where n > 0 order by feature')).map(([f]) => Number(f));
    const found = await document(cardDocument, 'card', 'dict', '--sample', '3', '--key', 'tuesday');
    expect(found.sample).toEqual({ key: 'tuesday', of: live.length });
    const drawn = found.cards.map(({ feature }) => feature);
    expect(drawn).toEqual(sampleFeatures([...live].reverse(), 3, 'tuesday'));
    expect(new Set(drawn).size).toBe(3);
    expect(drawn).not.toEqual(sampleFeatures(live, 3, 'wednesday'));
    expect(sampleFeatures([5, 1], 3, 'k').sort()).toEqual([1, 5]);
    expect((await cli('card', 'dict', '--sample', '2')).out).toMatch(
      /^2 features of the \d+ that fire, drawn by key "assay"\n/,
    );
  });
});

describe('a histogram', () => {
  it('has each bin with its upper end, and is none where no value is above 0', () => {
    const counts = new ValueCounts();
    expect(counts.histogram()).toBeNull();
    // max 4: bins of 0.1; 0.1 lies in the first (0 to 0.1], 0.125 in the second, 4 in the last.
    counts.add(Uint16Array.from([0.125, 4, 0.0999755859375, 0], floatToHalf));
    const histogram = counts.histogram();
    expect(histogram?.max).toBe(4);
    expect(histogram?.counts.flatMap((count, bin) => (count > 0 ? [bin] : []))).toEqual([0, 1, 39]);
  });
});

describe('what cannot be shown', () => {
  it.each([
    [['card', 'dict'], 'Expected the number of a feature, or --sample to draw some, found neither'],
    [['card', 'dict', '3', '--sample', '2'], 'Expected feature 3 or --sample 2, found both'],
    [['card', 'dict', '3', '--key', 'x'], 'Expected feature 3 or --key x, found both'],
    [['card', 'dict', 'x'], 'Expected the number of a feature, found "x"'],
    [['card', 'dict', '64'], 'Expected a feature number from 0 to 63, got 64'],
    [['card', 'dikt', '3'], 'did you mean dict'],
    [['card', 'dict', '3', '--html', 'no/such/folder/x.html'], 'Cannot write the page'],
  ])('%j is refused', async (argv, message) => {
    const result = await cli(...argv);
    expect(result).toMatchObject({ code: 2, out: '' });
    expect(result.err).toContain(message);
  });
});
