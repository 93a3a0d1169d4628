// Which positions an entry of `at` means, and which row of a value goes where.
import { describe, expect, it } from 'vitest';
import { parsePositions, placePositions } from '../../../../models/edit-positions.js';

const place = (
  at: (number | string)[] | undefined,
  rows: number | null = null,
  length = 8,
): ReturnType<typeof placePositions> => placePositions(at, { length, lengthName: 'model.contextTokens', rows });

describe('an entry of at', () => {
  it('is a position, a range without its end, or an open range', () => {
    expect(parsePositions(5)).toMatchObject({ from: 5, to: 6, row: null });
    expect(parsePositions('3:7')).toMatchObject({ from: 3, to: 7 });
    expect(parsePositions(':4')).toMatchObject({ from: 0, to: 4 });
    expect(parsePositions('4:')).toMatchObject({ from: 4, to: null });
    expect(parsePositions('2:-1')).toMatchObject({ from: 2, to: -1 });
  });

  it('counts negative positions from the end, −1 being the last', () => {
    expect(parsePositions(-1)).toMatchObject({ from: -1, to: null });
    expect(parsePositions('-3')).toMatchObject({ from: -3, to: -2 });
    expect(parsePositions('-4:')).toMatchObject({ from: -4, to: null });
  });

  it('may name the row of the value that it takes', () => {
    expect(parsePositions('5<-3')).toMatchObject({ from: 5, to: 6, row: 3 });
    expect(parsePositions('3:7<-0:4')).toMatchObject({ from: 3, to: 7, row: 0 });
    expect(parsePositions('3:7<-2')).toMatchObject({ from: 3, to: 7, row: 2 });
  });

  it.each([
    ['x', '"x" cannot be read as positions'],
    ['1.5', '"1.5" cannot be read as positions'],
    ['5:5', '"5:5" is empty'],
    ['7:3', '"7:3" is empty'],
    ['-3:-3', '"-3:-3" is empty'],
    ['3:7<-0:3', '"3:7<-0:3" maps 4 positions to 3 rows'],
    ['3:<-0:3', '"3:<-0:3" maps an open range of positions to 3 rows'],
  ])('is refused where it is %s', (text, message) => {
    expect(() => parsePositions(text)).toThrow(message);
    expect(() => parsePositions(text)).toThrow('e.g. 5, -1 (the last), 3:7');
  });
});

describe('positions without rows', () => {
  it('are everywhere where none are given or all are', () => {
    expect(place(undefined)).toBeUndefined();
    expect(place([':'])).toBeUndefined();
    expect(place(['0:3', '3:'])).toBeUndefined();
  });

  it('are a set: sorted, joined, those from the start before those from the end', () => {
    expect(place([5, 3, 4, -1, '3:5'])).toEqual([
      { from: 3, to: 6 },
      { from: -1, to: null },
    ]);
    expect(place([-1, -2, -4])).toEqual([
      { from: -4, to: -3 },
      { from: -2, to: null },
    ]);
    expect(place([2, '1:'])).toEqual([{ from: 1, to: null }]);
  });

  it.each([8, -9, '3:9', '8:', '-2:9', '5:-3'])('are refused beyond the context: %s', (at) => {
    expect(() => place([at])).toThrow(
      `Expected positions from 0 to 7 or from -8 to -1 (model.contextTokens: 8), found "${at}"`,
    );
  });

  it('take no rows of a value that has none', () => {
    expect(() => place(['5<-3'])).toThrow('the value is the same at all positions, found "5<-3". Write "5"');
  });
});

describe('rows of a value', () => {
  it('belong to the positions of the same number where there is one per token', () => {
    expect(place(undefined, 8)).toEqual([{ from: 0, to: null, row: 0 }]);
    expect(place(['3:5', 7], 8)).toEqual([
      { from: 3, to: 5, row: 3 },
      { from: 7, to: 8, row: 7 },
    ]);
    expect(place([-2], 8)).toEqual([{ from: -2, to: -1, row: 6 }]);
    expect(place(['2:-1'], 8)).toEqual([{ from: 2, to: -1, row: 2 }]);
  });

  it('belong to the chosen positions in order where there is one per chosen position', () => {
    expect(place([6, '2:4'], 3)).toEqual([
      { from: 2, to: 4, row: 0 },
      { from: 6, to: 7, row: 2 },
    ]);
    expect(place([-1, 0, -2], 3)).toEqual([
      { from: 0, to: 1, row: 0 },
      { from: -2, to: null, row: 1 },
    ]);
  });

  it('go where they are mapped, counted from the value’s end where negative', () => {
    expect(place(['5<-3', '1<--1'], 5)).toEqual([
      { from: 1, to: 2, row: 4 },
      { from: 5, to: 6, row: 3 },
    ]);
    // Rows that go on are one span: 2 + 3 positions from row 1.
    expect(place(['1:3<-1', '3:6<-3'], 6)).toEqual([{ from: 1, to: 6, row: 1 }]);
    expect(place(['1:3<-3', '3:4<-0'], 6)).toEqual([
      { from: 1, to: 3, row: 3 },
      { from: 3, to: 4, row: 0 },
    ]);
  });

  it('are refused where their number fits neither the context nor the positions', () => {
    expect(() => place(undefined, 5)).toThrow(
      'Expected a value with 8 rows, one per token of a context (model.contextTokens), found 5 rows. Name the rows: at=5<-3',
    );
    expect(() => place(['1:3'], 5)).toThrow(
      'with 8 rows, one per token of a context (model.contextTokens), or 2 rows, one per chosen position, found 5',
    );
    expect(() => place(['5<-3', 2], 5)).toThrow('Expected a row of the value for each entry of `at`');
  });

  it('are refused where they are not there, or meant twice for one position', () => {
    expect(() => place(['5<-5'], 5)).toThrow('Expected rows 0 to 4 of the value, found 5');
    expect(() => place(['3:6<-3'], 5)).toThrow('Expected rows 0 to 4 of the value, found 5');
    expect(() => place(['5<--6'], 5)).toThrow('Expected rows 0 to 4 of the value, found -1');
    expect(() => place(['5<-1', '5<-2'], 6)).toThrow('Expected each position once, found 5');
  });
});
