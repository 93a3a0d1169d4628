// A first label is the simplest rule that fits, is made from one half of the documents alone and scored on the other, over examples of
// all bands.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  firstLabel,
  holds,
  NONE,
  ruleText,
  type LabelExample,
  type Window,
} from '../../../../stages/label/first-label.js';

/** Firing and quiet examples of one half. */
function half(isHeldOut: boolean, fires: readonly Window[], quiet: readonly Window[]): LabelExample[] {
  const example = (isFiring: boolean) => (window: Window) => ({ window, fires: isFiring, isDrawn: true, isHeldOut });
  return [...fires.map(example(true)), ...quiet.map(example(false))];
}

const at = (token: number, before = 50, next = 60): Window => [40, before, token, next];

it('names the token where that tells all, and scores it on the other half: (TPR + TNR) / 2', () => {
  const made = half(false, [at(7), at(7), at(7)], [at(1), at(2)]);
  const scored = half(true, [at(7), at(7), at(7), at(8)], [at(1), at(7)]);
  const { rule, score, n } = firstLabel([...made, ...scored], []);
  expect(rule).toEqual({ kind: 'token', alternatives: [[7]] });
  expect(score).toBe((3 / 4 + 1 / 2) / 2);
  expect(n).toBe(6);
});

it('looks at what stands before and after where the token does not tell', () => {
  const before = firstLabel(half(false, [at(1, 9), at(2, 9), at(3, 9)], [at(1, 8), at(2, 8), at(3, 8)]), []);
  expect(before.rule).toEqual({ kind: 'before', alternatives: [[9]] });
  const pair = firstLabel(half(false, [at(1, 9), at(1, 9)], [at(1, 8), at(2, 9), at(1, 7), at(3, 9)]), []);
  expect(pair.rule).toEqual({ kind: 'ngram', alternatives: [[9, 1]] });
  const next = firstLabel(
    half(
      false,
      [at(1, 8, 5), at(2, 7, 5), at(3, 6, 5), at(4, 5, 5), at(5, 4, 5), at(6, 3, 5)],
      [at(1, 8), at(2, 7), at(3, 6), at(4, 5), at(5, 4), at(6, 3)],
    ),
    [5, 6],
  );
  expect(next.rule).toEqual({ kind: 'next', alternatives: [[5]] });
});

it('never looks at the held-out half to make the label', () => {
  const window = fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5), fc.nat(5));
  const examples = fc.array(
    fc.record({ window, fires: fc.boolean(), isDrawn: fc.boolean(), isHeldOut: fc.boolean() }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(examples, examples, fc.uniqueArray(fc.nat(5), { maxLength: 5 }), (own, other, raised) => {
      const made = own.filter(({ isHeldOut }) => !isHeldOut);
      const held = other.map((example) => ({ ...example, isHeldOut: true }));
      const [alone, beside] = [firstLabel(made, raised), firstLabel([...made, ...held], raised)];
      expect(beside.rule).toEqual(alone.rule);
      expect(alone.score).toBeNull();
      const drawn = held.filter(({ isDrawn }) => isDrawn);
      const [fires, quiet] = [drawn.filter((e) => e.fires), drawn.filter((e) => !e.fires)];
      const { rule } = beside;
      if (rule === null || fires.length === 0 || quiet.length === 0) {
        expect(beside.score).toBeNull();
        return;
      }
      const share = (list: typeof held, wanted: boolean): number =>
        list.filter((e) => holds(rule, e.window) === wanted).length / list.length;
      expect(beside.score).toBeCloseTo((share(fires, true) + share(quiet, false)) / 2, 12);
    }),
  );
});

it('has no label for a feature without firing examples, and none made of what lies outside a document', () => {
  expect(firstLabel(half(false, [], [at(1)]), [3])).toEqual({ rule: null, score: null, n: 0 });
  const edge: Window = [NONE, NONE, 4, NONE];
  expect(firstLabel(half(false, [edge, edge], [at(4)]), []).rule).toEqual({ kind: 'token', alternatives: [[4]] });
});

it('reads as words', () => {
  const text = (token: number): string => ` t${token}`;
  expect(ruleText({ kind: 'token', alternatives: [[1], [2]] }, text)).toBe('" t1" | " t2"');
  expect(ruleText({ kind: 'ngram', alternatives: [[1, 2]] }, text)).toBe('" t1 t2"');
  expect(ruleText({ kind: 'before', alternatives: [[1]] }, text)).toBe('after " t1"');
  expect(ruleText({ kind: 'next', alternatives: [[1]] }, text)).toBe('before " t1"');
});
