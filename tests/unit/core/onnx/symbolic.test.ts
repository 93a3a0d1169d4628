// Arithmetic on sizes: canonical texts, exact division, and how shapes meet.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { broadcastShapes, sameSize, unifyDims, type SizeRules } from '../../../../core/onnx/broadcast.js';
import type { Dim } from '../../../../core/onnx/shape.js';
import {
  addDims,
  canonicalDim,
  divideDims,
  evaluateDim,
  isName,
  isUnknown,
  multiplyDims,
  namesIn,
  numericRatio,
  productOf,
  subtractDims,
} from '../../../../core/onnx/symbolic.js';

describe('arithmetic on sizes', () => {
  test('factors and terms are sorted, the number comes last', () => {
    expect(multiplyDims('pos', 'batch')).toBe('batch*pos');
    expect(multiplyDims(3, multiplyDims('pos', 2) ?? 0)).toBe('6*pos');
    expect(addDims('pos', 1)).toBe('pos+1');
    expect(addDims(1, addDims('past', 'pos') ?? 0)).toBe('past+pos+1');
    expect(subtractDims(multiplyDims(2, 'b') ?? 0, addDims('a', 1) ?? 0)).toBe('-a+2*b-1');
    expect(productOf(['batch', 12, 'pos', 64])).toBe('768*batch*pos');
  });

  test('what cancels is a number or a name again', () => {
    expect(subtractDims('pos', 'pos')).toBe(0);
    expect(subtractDims(addDims('pos', 5) ?? 0, 5)).toBe('pos');
    expect(divideDims('12*batch*pos', '4*pos')).toBe('3*batch');
    expect(divideDims('batch*pos+batch', 'pos+1')).toBe('batch');
  });

  test('a division that leaves a rest has no result', () => {
    expect(divideDims('batch*pos', 'heads')).toBeNull();
    expect(divideDims('3*pos', 2)).toBeNull();
    expect(divideDims('pos+1', 'pos')).toBeNull();
    expect(divideDims('pos', 0)).toBeNull();
    expect(numericRatio('6*batch*pos', '4*batch*pos')).toBe(1.5);
    expect(numericRatio('batch', 'pos')).toBeNull();
  });

  test("exporters' texts are read; a text that is no polynomial is one name", () => {
    expect(canonicalDim('past_sequence_length + 1')).toBe('past_sequence_length+1');
    expect(canonicalDim('pos*batch')).toBe('batch*pos');
    expect(canonicalDim('floor(s0/2)')).toBe('floor(s0/2)');
    expect(isName(canonicalDim('floor(s0/2)'))).toBe(true);
    expect(multiplyDims('batch size', 2)).toBe('2*(batch size)');
    expect(divideDims('2*(batch size)', 2)).toBe('batch size');
  });

  test('names, unknowns and expressions are told apart', () => {
    expect([isName('pos'), isName('?1'), isName('pos+1'), isName(3)]).toEqual([true, false, false, false]);
    expect([isUnknown('?1'), isUnknown('2*?1'), isUnknown('pos')]).toEqual([true, false, false]);
    expect(namesIn('2*batch*pos+batch')).toEqual(['batch', 'pos']);
    expect(evaluateDim('2*batch*pos+1', { batch: 3, pos: 4 })).toBe(25);
    expect(evaluateDim('2*batch*pos+1', { batch: 3 })).toBeNull();
    expect(evaluateDim('constructor', {})).toBeNull();
  });

  const sizes = { a: 3, b: 5, c: 7, d: 11 };
  const dim = fc.oneof(fc.constantFrom<Dim[]>('a', 'b', 'c', 'd'), fc.integer({ min: 0, max: 9 }));
  const value = (result: Dim | null): number | null => (result === null ? null : evaluateDim(result, sizes));
  const tree: fc.Memo<Dim> = fc.memo((depth) =>
    depth <= 1
      ? dim
      : fc
          .tuple(fc.constantFrom(addDims, subtractDims, multiplyDims), tree(depth - 1), tree(depth - 1))
          .map(([of, x, y]) => of(x, y) ?? 'a'),
  );

  test('results are what their names stand for, and canonical', () => {
    fc.assert(
      fc.property(tree(4), tree(3), (x, y) => {
        const [left, right] = [value(x) ?? NaN, value(y) ?? NaN];
        expect([null, left + right]).toContain(value(addDims(x, y)));
        expect([null, left * right]).toContain(value(multiplyDims(x, y)));
        expect(addDims(x, y)).toBe(addDims(y, x));
        const sum = addDims(x, y);
        if (sum !== null) expect(canonicalDim(sum)).toBe(sum);
        const product = multiplyDims(x, y);
        if (product !== null && product !== 0 && y !== 0) expect([x, null]).toContain(divideDims(product, y));
        const quotient = divideDims(x, y);
        if (quotient !== null && right !== 0) expect((value(quotient) ?? NaN) - left / right).toBe(0);
      }),
      { seed: 11, numRuns: 2000 },
    );
  });
});

describe('how shapes meet', () => {
  const rules = (known: Record<string, number> = {}, lenient = false): SizeRules => {
    let next = 0;
    return {
      sizeOf: (dim) => evaluateDim(dim, known),
      unknownDim: () => `?new${next++}`,
      lenient,
      fail: (expected, got) => {
        throw new RangeError(`expected ${expected}, got ${got}`);
      },
    };
  };

  test('axes align at the right and 1 stretches', () => {
    expect(
      broadcastShapes(
        [
          ['batch', 1, 4],
          ['pos', 1],
        ],
        rules(),
      ),
    ).toEqual(['batch', 'pos', 4]);
    expect(broadcastShapes([[], [2, 3]], rules())).toEqual([2, 3]);
    expect(broadcastShapes([[2, 3], null], rules())).toBeNull();
  });

  test('unknown sizes and expressions may equal anything; the better known one is kept', () => {
    expect(
      broadcastShapes(
        [
          ['?1', '?1', 'past+pos'],
          ['batch', 4, 'total'],
        ],
        rules(),
      ),
    ).toEqual(['batch', 4, 'total']);
    expect(broadcastShapes([['?1'], ['?2']], rules())).toEqual(['?new0']);
    expect(broadcastShapes([['?1'], ['?1']], rules())).toEqual(['?1']);
  });

  test('sizes that differ fail with both shapes, names too unless the rules are lenient', () => {
    expect(() => broadcastShapes([[2, 3], [4]], rules())).toThrow(
      'expected shapes that broadcast: equal sizes, or 1, from the right, got [2, 3] and [4], where 3 meets 4',
    );
    expect(() => broadcastShapes([['batch'], ['pos']], rules())).toThrow('where batch meets pos');
    expect(() => broadcastShapes([['pos'], ['pos+1']], rules())).toThrow('where pos meets pos+1');
    expect(broadcastShapes([['batch'], ['pos']], rules({}, true))).toEqual(['batch']);
  });

  test('a table of sizes settles what names alone do not', () => {
    const known = rules({ batch: 4, heads: 4, one: 1 });
    expect(broadcastShapes([['batch'], ['heads']], known)).toEqual(['batch']);
    expect(broadcastShapes([['one'], [7]], known)).toEqual([7]);
    expect(() => unifyDims('batch', 5, known)).toThrow('expected two axes of one size, got batch and 5');
    expect(sameSize('batch', 4, known)).toBe(true);
    expect(sameSize('pos', 'pos', known)).toBe(true);
    expect(sameSize('pos', 'batch', known)).toBe(false);
  });
});
