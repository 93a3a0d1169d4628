// The bars of the bench: which values meet them, and how the table marks one that does not.
import { describe, expect, it } from 'vitest';
import { meets } from '../../../bench/row.js';
import { formatTable } from '../../../bench/table.js';

describe('bars', () => {
  it.each([
    [0.93, '>= 0.93', true],
    [0.929, '>= 0.93', false],
    [2, '<= 2', true],
    [2.01, '<= 2', false],
  ])('%d meets "%s": %s', (value, must, met) => {
    expect(meets(value, must)).toBe(met);
  });
  it('in other words are refused', () => {
    expect(() => meets(1, 'at least 1')).toThrow('Expected a bar such as ">= 0.93", got "at least 1"');
  });
});

it('the table aligns its columns and marks a missed bar', () => {
  const row = { row: 1, what: 'pipeline / bare loop', conditions: '2 threads' };
  const text = formatTable([
    { ...row, value: 0.951, must: '>= 0.93', met: true },
    { ...row, row: 6, value: 1234.5, must: '<= 5', met: false },
    { ...row, row: 6, value: 3, must: null, met: null },
  ]);
  expect(text.split('\n')).toEqual([
    'row  what                  value  must             conditions',
    '1    pipeline / bare loop  0.951  >= 0.93  met     2 threads',
    '6    pipeline / bare loop  1235   <= 5     MISSED  2 threads',
    '6    pipeline / bare loop  3.00                    2 threads',
  ]);
});
