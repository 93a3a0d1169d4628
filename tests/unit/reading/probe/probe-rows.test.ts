// Which rows probes are fitted to and scored on: labels of files and of letters with their refusals, and the draw by smallest hash.
import { describe, expect, it } from 'vitest';
import { keyedHash } from '../../../../core/tensor/keyed-hash.js';
import { RowDraw } from '../../../../reading/probe/draw-rows.js';
import { firstLetters, parseLabelSource } from '../../../../reading/probe/label-source.js';

describe('labels of a file', () => {
  it('are of documents or of tokens; those of tokens count first', () => {
    const source = parseLabelSource(
      '\ufeff{"id":"a","label":"x"}\n\n{"id":"a","pos":3,"label":"y"}\n{"id":"b","pos":0,"label":"z"}\n',
      'labels.jsonl',
    );
    const label = (id: string, pos: number): string | null => source.labelOf({ id, pos, token: null });
    expect([label('a', 0), label('a', 3), label('b', 0), label('b', 1), label('c', 0)]).toEqual([
      'x',
      'y',
      'z',
      null,
      null,
    ]);
    expect(source.ids).toEqual(new Set(['a', 'b']));
  });

  it.each([
    ['', /^Expected labels in labels.jsonl, found none; give a line for each document/],
    ['{"id":"a","label":"x"}\nnot json', /^Expected \{"id": text, .* in labels.jsonl, line 2, found not json\.$/],
    ['{"id":"a"}', /line 1, found \{"id":"a"\}\.$/],
    ['{"id":"a","label":""}', /line 1/],
    ['{"id":"a","pos":-1,"label":"x"}', /line 1/],
    [
      '{"id":"a","label":"x"}\n{"id":"a","label":"y"}',
      /found two of document "a": "x" and, in line 2, "y"; keep one of them/,
    ],
    ['{"id":"a","pos":1,"label":"x"}\n{"id":"a","pos":1,"label":"y"}', /found two of token 1 of "a"/],
  ])('%j is refused', (text, message) => {
    expect(() => parseLabelSource(text, 'labels.jsonl')).toThrow(message);
  });
});

it('first letters are of tokens in letters alone, after one space or none', () => {
  const tokens = [' Moses', 'ing', 'Z', ' ', '', '  a', ' 12', 'a1', "'s", ' é', null];
  expect(tokens.map((token) => firstLetters.labelOf({ id: '', pos: 0, token }))).toEqual([
    ...['m', 'i', 'z', null, null, null, null, null, null, null, null],
  ]);
});

describe('a draw', () => {
  const rows = Array.from({ length: 500 }, (_, i) => ({
    doc: Math.floor(i / 10),
    pos: i % 10,
    label: i % 7 === 0 ? 1 : 0,
  }));
  const drawn = (order: typeof rows, seed = 0) => {
    const draw = new RowDraw(20, seed);
    for (const { doc, pos, label } of order) draw.add(doc, pos, label);
    return draw;
  };

  it('holds the rows of smallest hash of each class, and of all, whatever their order', () => {
    const { rows: found } = drawn(rows);
    expect(drawn([...rows].reverse()).rows).toEqual(found);
    const hash = ({ doc, pos }: { readonly doc: number; readonly pos: number }): number =>
      keyedHash('probe', [0, doc, pos]);
    const smallest = (own: typeof rows, most: number): Set<number> =>
      new Set(own.map(hash).sort((a, b) => a - b).slice(0, most)); // prettier-ignore
    const wanted = new Set([
      ...smallest(rows, 40),
      ...[0, 1].flatMap((label) => [
        ...smallest(
          rows.filter((row) => row.label === label),
          20,
        ),
      ]),
    ]);
    expect(new Set(found.map(({ draw }) => draw))).toEqual(wanted);
    expect(found).toHaveLength(wanted.size);
  });

  it('is another for another seed, and counts what it was offered', () => {
    expect(drawn(rows, 1).rows).not.toEqual(drawn(rows).rows);
    const draw = drawn(rows);
    expect([draw.count(0), draw.count(1), draw.count(2)]).toEqual([428, 72, 0]);
  });
});
