// How cards of features look in a terminal. Pure.
import type { CardDocument } from '../../reading/card/read-cards.js';
import type { Block, MarkedLine, Piece, Text } from '../terminal/text.js';
import { labelName } from './label-text.js';
import { counted, countText, valueFormat } from './quantities.js';
import { profileLines } from './profile-text.js';
import { percentText, tokenName } from './token-text.js';

type Card = CardDocument['cards'][number];
type Example = Card['quiet'][number];
type Format = (value: number) => string;

/** Cards one below the other. @param most examples of each band, and rows without the feature */
export function cardsText({ dict, cards, splits, sample }: CardDocument, most: number): Text {
  const drawn =
    sample === null
      ? []
      : [
          `${counted(cards.length, 'feature')} of the ${countText(sample.of)} that fire, drawn by key "${sample.key}"`,
          '',
        ];
  return [
    ...drawn,
    ...cards.flatMap((card) => [...cardBlocks(dict, card, most), '']),
    `Over the splits ${splits.join(', ')}. Examples of all ten bands of values, drawn by hash, greatest first.`,
  ];
}

function cardBlocks(dict: string, card: Card, most: number): Block[] {
  const { feature, label, n, density, max } = card;
  const head = `${dict}  feature ${feature}${label === null ? '' : `: ${labelName(label)}`}`;
  const fires = `fires on ${counted(n, 'row')} (density ${density.toExponential(2)})`;
  if (max === null) return [head, `${fires}: it never fires`, ...profileLines(card)];
  const format = valueFormat([max]);
  return [
    head,
    `${fires}; ${quantilesText(card, format)}`,
    ...histogramLine(card, format),
    ...(card.topTokens.length > 0 ? [`on      ${tokensText(card)}`] : []),
    ...profileLines(card),
    ...card.bands.filter(({ n: own }) => own > 0).flatMap((band) => bandLines(band, { most, format })),
    ...card.quiet.slice(0, most).map((example) => exampleLine('not', example)),
  ];
}

function quantilesText({ mean, p50, p90, p99, max }: Card, format: Format): string {
  const all = Object.entries({ mean, p50, p90, p99, max });
  return all.flatMap(([name, value]) => (value === null ? [] : [`${name} ${format(value)}`])).join(', ');
}

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** A column of text per bin, as high as its share of the fullest one. */
function histogramLine({ histogram }: Card, format: Format): string[] {
  if (histogram === null) return [];
  const greatest = Math.max(...histogram.counts);
  const bars = histogram.counts.map((count) =>
    count === 0 ? ' ' : (BLOCKS[Math.min(BLOCKS.length - 1, Math.floor((count / greatest) * BLOCKS.length))] ?? ''),
  );
  return [`values  0 ${bars.join('')} ${format(histogram.max)}`];
}

function tokensText({ topTokens }: Card): string {
  return topTokens.map((token) => `${tokenName(token)} ${percentText(token.share)}`).join(', ');
}

function bandLines(
  { n, examples }: Card['bands'][number],
  { most, format }: { readonly most: number; readonly format: Format },
): MarkedLine[] {
  return examples
    .slice(0, most)
    .map((example, i) => exampleLine(format(example.value), example, i === 0 ? `×${countText(n)}` : ''));
}

const COLUMNS = 8;

/** Value, firings of its band, and the text around. */
function exampleLine(value: string, { tokens, values }: Example, count = ''): MarkedLine {
  const greatest = Math.max(0, ...values);
  const head: Piece = { text: `${value.padStart(COLUMNS - 1)} ${count.padEnd(COLUMNS)}`, strength: 0 };
  const pieces = tokens.map((text, i) => {
    const own = values[i] ?? 0;
    return { text, strength: own > 0 ? own / greatest : 0 };
  });
  return { indent: 0, pieces: [head, ...pieces] };
}
