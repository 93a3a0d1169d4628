// The bars of the bench: which values meet them, how the table marks one that does not, and that no machine's figures cost another's.
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { keepRows } from '../../../bench/keep.js';
import { meets } from '../../../bench/row.js';
import { formatTable } from '../../../bench/table.js';
import { temporaryFolderOfTest } from '../../harness/temporary-folder.js';

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

it('rows are kept by machine: those of others stay as they were, and other rows of the same one too', async () => {
  const folder = temporaryFolderOfTest('bench');
  const row = (number: number, value: number) =>
    ({ row: number, what: 'w', value, must: null, met: null, conditions: '' }) as const;
  const one = { cpu: 'Some(R) CPU 7', cores: 2, node: '20.0.0' };
  const read = async (file: string): Promise<number[][]> => {
    const { rows } = JSON.parse(await readFile(file, 'utf8')) as { rows: { row: number; value: number }[] };
    return rows.map(({ row: number, value }) => [number, value]);
  };
  const first = await keepRows(folder, [row(1, 10), row(9, 90)], one);
  await keepRows(folder, [row(1, 11)], { ...one, node: '22.0.0' });
  const other = await keepRows(folder, [row(9, 5)], { ...one, cpu: 'Other CPU' });
  await keepRows(folder, [row(6, 4)], { ...one, cpu: 'Other CPU' });
  expect(await read(first)).toEqual([
    [1, 11],
    [9, 90],
  ]);
  expect(await read(other)).toEqual([
    [6, 4],
    [9, 5],
  ]);
  expect((await readdir(folder)).sort()).toEqual(['results-other-cpu-2.json', 'results.json']);
  expect(path.basename(first)).toBe('results.json');
});
