// Cards of features as one page of HTML: nothing is loaded from elsewhere, nothing in it runs, every text is escaped. Light and dark
// as the reader's system is. Pure.
import type { CardDocument } from '../../reading/card/read-cards.js';
import { CARD_STYLE } from './card-style.js';
import { histogramSvg } from './card-svg.js';
import { htmlText } from './html-text.js';
import { counted, countText, valueFormat } from './quantities.js';
import { percentText, tokenName } from './token-text.js';

type Card = CardDocument['cards'][number];
type Example = Card['quiet'][number];
type Format = (value: number) => string;

/** The page. */
export function cardsHtml(document: CardDocument, note: string | null): string {
  const { dict, site, cards, sample, splits } = document;
  const [only, another] = cards;
  const title =
    another === undefined && only !== undefined
      ? `${dict} · feature ${only.feature}`
      : `${dict} · ${counted(cards.length, 'feature')}`;
  const drawn = sample === null ? [] : [`drawn by key “${sample.key}” from the ${countText(sample.of)} that fire`];
  const about = [site, ...drawn, `splits ${splits.join(', ')}`].map(htmlText).join(' · ');
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    `<title>${htmlText(title)}</title><style>${CARD_STYLE}</style></head><body>`,
    `<header><h1>${htmlText(dict)}</h1><p class="about">${about}</p>${note === null ? '' : `<p class="mark">${htmlText(note)}</p>`}</header>`,
    ...cards.map(cardSection),
    '</body></html>',
    '',
  ].join('\n');
}

function cardSection(card: Card): string {
  const { feature, label, histogram, max, bands, quiet, drawnFrom } = card;
  const format = valueFormat([max ?? 0]);
  const name = label === null ? '<span class="none">no label</span>' : htmlText(label.label);
  const source =
    label === null || label.source === 'user'
      ? ''
      : ` <span class="source">automatic${label.score === null ? '' : `, score ${label.score.toFixed(2)}`}</span>`;
  return [
    `<article id="f${feature}"><h2><span class="number">${feature}</span> ${name}${source}</h2>`,
    numbers(card, format),
    histogram === null
      ? '<p class="none">It never fires.</p>'
      : `<figure>${histogramSvg(histogram, format)}<figcaption>firings by value, in raw activation units</figcaption></figure>`,
    lists(card),
    `<section class="examples"><h3>Examples of all bands of values</h3>`,
    ...bands.filter(({ n }) => n > 0).map((band) => bandRows(band, { max: max ?? 0, format })),
    '</section>',
    quiet.length > 0
      ? `<details><summary>${quiet.length} rows on which it does not fire</summary>${quiet.map((example) => exampleRow(example, format)).join('')}</details>`
      : '',
    drawnFrom === 'postings'
      ? '<p class="about">Examples were drawn from the postings now; rows without the feature are not among them.</p>'
      : '',
    '</article>',
  ].join('\n');
}

function numbers({ n, density, mean, p50, p90, p99, max }: Card, format: Format): string {
  const values = Object.entries({ mean, p50, p90, p99, max }).flatMap(([name, value]) =>
    value === null ? [] : [[name, format(value)] as const],
  );
  const all = [['fires on', counted(n, 'row')], ['density', density.toExponential(2)], ...values] as const;
  return `<dl>${all.map(([name, value]) => `<div><dt>${htmlText(name)}</dt><dd>${htmlText(value)}</dd></div>`).join('')}</dl>`;
}

/** Tokens and neighbours, side by side where there is room. */
function lists({ topTokens, promoted, neighbours }: Card): string {
  const tokens = topTokens.map((one) => bar(tokenName(one), one.share, percentText(one.share)));
  const logits = (list: NonNullable<Card['promoted']>['raised']): string[] => {
    const most = Math.max(1e-9, ...list.map(({ value }) => Math.abs(value)));
    return list.map((one) => bar(tokenName(one), Math.abs(one.value) / most, one.value.toFixed(2)));
  };
  const near = (list: NonNullable<Card['neighbours']>['cosine']): string[] =>
    list.map(({ feature, label, value }) =>
      bar(`${feature}${label === null ? '' : ` ${label}`}`, Math.max(0, value), value.toFixed(2)),
    );
  const share =
    promoted?.tokenShare == null ? '' : ` (the token explains ${percentText(promoted.tokenShare)} of its activation)`;
  const all = [
    [`Fires most on${share}`, tokens],
    ...(promoted === null
      ? []
      : ([
          ['Raises', logits(promoted.raised)],
          ['Lowers', logits(promoted.lowered)],
        ] as const)),
    ...(neighbours === null
      ? []
      : ([
          ['Nearest decoder rows', near(neighbours.cosine)],
          ['Fires with', near(neighbours.together)],
        ] as const)),
  ] as const;
  const shown = all.filter(([, rows]) => rows.length > 0);
  return `<div class="lists">${shown.map(([name, rows]) => `<section><h3>${htmlText(name)}</h3>${rows.join('')}</section>`).join('')}</div>`;
}

function bar(name: string, share: number, value: string): string {
  const width = Math.round(1000 * Math.min(1, share)) / 10;
  return `<div class="item"><span class="fill" style="width:${width}%"></span><bdi>${htmlText(name)}</bdi><span class="value">${htmlText(value)}</span></div>`;
}

function bandRows(
  { band, n, examples }: Card['bands'][number],
  { max, format }: { readonly max: number; readonly format: Format },
): string {
  const range = `${format((band * max) / 10)} to ${format(((band + 1) * max) / 10)}`;
  return `<h4>${htmlText(range)} <span class="about">${htmlText(counted(n, 'firing'))}</span></h4>${examples.map((example) => exampleRow(example, format)).join('')}`;
}

function exampleRow({ docId, pos, split, value, tokens, values, start }: Example, format: Format): string {
  const greatest = Math.max(0, ...values);
  const text = tokens.map((token, i) =>
    marked(token, { value: values[i] ?? 0, greatest, isDrawn: start + i === pos, format }),
  );
  const place = `${docId}, token ${pos} (${split})`;
  return `<div class="example" title="${htmlText(place)}"><span class="value">${htmlText(format(value))}</span><bdi class="text">${text.join('')}</bdi></div>`;
}

function marked(
  token: string,
  { value, greatest, isDrawn, format }: { value: number; greatest: number; isDrawn: boolean; format: Format },
): string {
  const text = htmlText(token);
  if (!(value > 0)) return isDrawn ? `<u>${text}</u>` : text;
  const strength = Math.max(1, Math.ceil((4 * value) / greatest));
  return `<mark class="s${strength}${isDrawn ? ' drawn' : ''}" title="${htmlText(format(value))}">${text}</mark>`;
}
