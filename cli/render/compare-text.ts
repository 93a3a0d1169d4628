// How a comparison of dictionaries looks to a person. Pure.
import type { Comparison } from '../../reading/compare/compare-dictionaries.js';
import { textTable } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { countText } from './quantities.js';

export function compareText({ dictionaries, pairs }: Comparison): Text {
  const number = (value: number): string => value.toFixed(3);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const head = ['', 'pairs', 'MCC', 'of random rows', 'share ≥ 0.7', 'p10', 'p50', 'p90', 'least alike'];
  const matched = pairs.map(({ a, b, least, ...pair }) => [
    `${a} and ${b}`,
    countText(pair.pairs),
    ...[number(pair.mcc), number(pair.randomMcc), percent(pair.shared)],
    ...[pair.p10, pair.p50, pair.p90].map(number),
    `${least.feature} and ${least.other}: ${number(least.cosine)}`,
  ]);
  const own = dictionaries.map(({ dictionary, features, duplicates: { threshold, count, share } }) => [
    dictionary,
    countText(features),
    `${countText(count)} (${percent(share)}) with a cosine of ${threshold} or more with an earlier one`,
  ]);
  return [
    textTable(
      head.map((title) => ({ title })),
      matched,
    ),
    '',
    ...pairs
      .filter(({ sameStart }) => sameStart)
      .map(
        ({ a, b }) =>
          `SAME START: ${a} and ${b} have the same seed and began from the same rows; that they are alike is no evidence. Train one with another seed.`,
      ),
    'Decoder rows matched one to one, the sum of cosines largest; MCC is their mean, beside it what random rows reach.',
    '',
    textTable(
      [{ title: 'dictionary' }, { title: 'features' }, { title: 'rows that repeat another', whole: true }],
      own,
    ),
  ];
}
