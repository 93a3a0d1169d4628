// Which fields differ between two revisions: a changed k is named as that field of that dictionary, not as two whole lists.
import { expect, it } from 'vitest';
import { differences } from '../../../reading/runs/explain.js';

const sae = (name: string, k: number) => ({ name, k, features: 64 });

it('of lists of named things are told thing by thing', () => {
  const before = { seed: 1, saes: [sae('a', 4), sae('b', 4)] };
  expect(differences(before, { seed: 1, saes: [sae('b', 4), sae('a', 8)] })).toEqual([
    { field: 'saes[a].k', before: 4, after: 8 },
  ]);
  expect(differences(before, { seed: 1, saes: [sae('a', 4)] })).toEqual([
    { field: 'saes[b]', before: sae('b', 4), after: null },
  ]);
});

it('of lists in another order alone are told as the lists', () => {
  const [before, after] = [{ saes: [sae('a', 4), sae('b', 4)] }, { saes: [sae('b', 4), sae('a', 4)] }];
  expect(differences(before, after)).toEqual([{ field: 'saes', before: before.saes, after: after.saes }]);
});

it.each([
  ['numbers', [1, 2], [1, 3]],
  ['things without names', [{ k: 1 }], [{ k: 2 }]],
  ['things of one name', [sae('a', 1), sae('a', 2)], [sae('a', 1), sae('a', 3)]],
  ['things and nothing', [sae('a', 1)], []],
])('of lists of %s are told as the lists', (_, before, after) => {
  expect(differences({ list: before }, { list: after })).toEqual([{ field: 'list', before, after }]);
});
