// How tokens, numbers and tables look.
import { describe, expect, it } from 'vitest';
import { highlight } from '../../../cli/render/highlight.js';
import { bytesText, durationText, timeText, valueText } from '../../../cli/render/quantities.js';
import { textTable } from '../../../cli/render/text-table.js';

describe('highlighted tokens', () => {
  const tokens = ['the', ' LORD', '\nGod'];

  it('stand in guillemets where there are no colours', () => {
    expect(highlight(tokens, [0, 2, 1], { colour: false })).toBe('the« LORD»«⏎God»');
  });

  it('are coloured by strength on a terminal', () => {
    // 2 / 2 = 1: strongest style; 1 / 2 = 0.5: the middle one
    expect(highlight(tokens, [0, 2, 1], { colour: true })).toBe(
      'the\u001b[41;97m LORD\u001b[0m\u001b[43;30m⏎God\u001b[0m',
    );
  });

  it('cannot steer the terminal', () => {
    expect(highlight(['\u001b[2J\u0007'], [0], { colour: true })).toBe('·[2J·');
  });
});

describe('quantities', () => {
  it.each([
    [bytesText(1023), '1023 B'],
    [bytesText(1536), '1.5 KB'],
    [bytesText(3 * 2 ** 30), '3.0 GB'],
    [valueText(12.3456), '12.35'],
    [durationText(59.6), '1 m 0 s'],
    [durationText(3660), '1 h 1 m'],
    [timeText(0), '1970-01-01 00:00:00Z'],
  ])('%s', (found, expected) => {
    expect(found).toBe(expected);
  });
});

describe('a table', () => {
  it('pads columns and puts numbers to the right', () => {
    expect(
      textTable(
        [{ title: 'name' }, { title: 'rows', right: true }],
        [
          ['a', '10'],
          ['longer', '5'],
        ],
      ),
    ).toBe('name    rows\na         10\nlonger     5');
  });
});
