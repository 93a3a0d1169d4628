// How numbers look.
import { describe, expect, it } from 'vitest';
import { bytesText, counted, durationText, timeText, valueText } from '../../../cli/render/quantities.js';

describe('quantities', () => {
  it.each([
    [bytesText(1023), '1023 B'],
    [bytesText(1536), '1.5 KB'],
    [bytesText(3 * 2 ** 30), '3.0 GB'],
    [valueText(12.3456), '12.35'],
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
