// How numbers look.
import { describe, expect, it } from 'vitest';
import { bytesText, counted, durationText, timeText, valueFormat } from '../../../cli/render/quantities.js';

describe('quantities', () => {
  it.each([
    [bytesText(1023), '1023 B'],
    [bytesText(1536), '1.5 KB'],
    [bytesText(3 * 2 ** 30), '3.0 GB'],
    [[2.58, 2.604].map(valueFormat([2.58, 2.604])).join(' '), '2.580 2.604'],
    [[12.3456, 0.5].map(valueFormat([12.3456, 0.5])).join(' '), '12.35 0.50'],
    [[12345].map(valueFormat([12345])).join(''), '12345'],
    [[0].map(valueFormat([])).join(''), '0.000'],
    [durationText(59.6), '1 m 0 s'],
    [durationText(3660), '1 h 1 m'],
    [timeText(0), '1970-01-01 00:00:00Z'],
    [counted(0, 'lot'), '0 lots'],
    [counted(1, 'lot'), '1 lot'],
    [counted(1234, 'row'), '1,234 rows'],
  ])('%s', (found, expected) => {
    expect(found).toBe(expected);
  });
});
