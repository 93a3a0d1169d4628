// The control of a model without training: taken from the other evaluation, with an interval of the difference that assumes nothing.
import { expect, it } from 'vitest';
import { compareWithControls } from '../../../../core/dictionaries/compare-controls.js';
import { randomModelControl } from '../../../../stages/evaluate/random-model.js';

type Interval = readonly [value: number | null, lo: number | null, hi: number | null];

const row = (metric: string, [value, lo, hi]: Interval, n = 100) => ({
  ...{ subject: 'dictionary', metric, value, lo, hi, n },
});
const own = [row('fvu', [0.2, 0.18, 0.22]), row('l0', [8, 8, 8]), row('deltaCeNats', [0.3, 0.2, 0.4])];

it.each([
  { what: 'better where the intervals lie apart', fvu: [0.5, 0.45, 0.55], l0: 8, verdict: 'better' },
  { what: 'undecided where they touch', fvu: [0.23, 0.2, 0.26], l0: 8, verdict: 'undecided' },
  { what: 'worse where the other explains more', fvu: [0.1, 0.09, 0.11], l0: 8, verdict: 'worse' },
  { what: 'unequal where L0 differs', fvu: [0.5, 0.45, 0.55], l0: 12, verdict: 'unequal' },
] as const)('is $what', ({ fvu: [value, lo, hi], l0, verdict }) => {
  const entries = randomModelControl(own, [
    row('fvu', [value, lo, hi], 60),
    row('l0', [l0, l0, l0]),
    row('deltaCeNats', [9, 9, 9]),
  ]);
  expect(entries.map(({ metric }) => metric)).toEqual(['fvu', 'l0', 'fvuDifference']);
  expect(entries[2]).toEqual({
    ...{ subject: 'randomModel', metric: 'fvuDifference', value: 0.2 - value, lo: 0.18 - hi, hi: 0.22 - lo, n: 60 },
  });
  expect(compareWithControls([...own, ...entries])).toMatchObject([{ control: 'randomModel', verdict }]);
});

it('has no difference where one of them has no number', () => {
  const entries = randomModelControl(own, [row('fvu', [null, null, null], 0)]);
  expect(entries.at(-1)).toMatchObject({ metric: 'fvuDifference', value: null, lo: null, hi: null, n: 0 });
});
