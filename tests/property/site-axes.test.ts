// Whatever the order in which a model lays out its axes, its sites have the values of the same model in the usual order, or are
// refused: axes are inferred from the token ids on. And positions that are moved are never taken for those of the tokens.
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { identitiesOf, brokenIdentities } from '../../core/hooks/identities.js';
import type { SiteValue } from '../../core/hooks/identity-errors.js';
import { resolveSites } from '../../core/hooks/sites.js';
import type { GraphBuilder } from '../../core/onnx/builder.js';
import type { Value } from '../../core/onnx/shape.js';
import { relativeError, valuesOf } from '../unit/core/hooks/graphs.js';
import { laidModel, PLAIN, type ModelLayout } from './laid-model.js';

const permuted = (letters: string): fc.Arbitrary<string> =>
  fc.shuffledSubarray(Array.from(letters), { minLength: letters.length }).map((all) => all.join(''));

const byEinsum = fc.record({
  by: fc.constant('Einsum' as const),
  q: permuted('bphe'),
  k: permuted('bphe'),
  v: permuted('bphe'),
  scores: permuted('bhp').map((letters) => `${letters}t`),
  z: permuted('bphe'),
});
const byMatMul = fc.record({
  by: fc.constant('MatMul' as const),
  lead: fc.constantFrom('bh' as const, 'hb' as const),
  joined: fc.boolean(),
  turned: fc.boolean(),
});
const layouts: fc.Arbitrary<ModelLayout> = fc.record({
  stream: fc.constantFrom('bpd' as const, 'pbd' as const),
  joinedMlp: fc.boolean(),
  attention: fc.oneof(byEinsum, byMatMul),
});

describe('the sites of a model in any order of axes', () => {
  let usual: ReadonlyMap<string, SiteValue>;

  beforeAll(async () => {
    const model = laidModel(PLAIN);
    usual = await valuesOf(model, resolveSites(model).sites);
  });

  it('have the values, shapes and equations of the usual order, and none is missing', async () => {
    await fc.assert(
      fc.asyncProperty(layouts, async (layout) => {
        const model = laidModel(layout);
        const resolved = resolveSites(model);
        const { sites, unresolved } = resolved;
        expect(unresolved).toEqual([]);
        const values = await valuesOf(model, sites);
        expect([...values.keys()]).toEqual([...usual.keys()]);
        for (const [name, value] of values) {
          expect(value.dims, name).toEqual(usual.get(name)?.dims);
          expect(relativeError(value, usual.get(name)), name).toBeLessThan(1e-5);
        }
        expect(resolved.scoreTies).toHaveLength(2);
        expect(resolved.curveTies).toHaveLength(2);
        const names = sites.map((site) => site.name);
        expect(brokenIdentities(identitiesOf(names, resolved), values, 2e-5)).toEqual([]);
      }),
      { seed: 11, numRuns: 24, endOnFailure: true },
    );
  });
});

describe('positions that are not those of the tokens', () => {
  const axis = { attributes: { axis: 1 } };
  it.each<[string, (g: GraphBuilder, x: Value) => Value]>([
    [
      'with others put before them',
      (g, x) => g.op('Concat', [g.op('Slice', [x, g.integers(0), g.integers(1), g.integers(1)]), x], axis),
    ],
    ['turned round', (g, x) => g.op('Slice', [x, g.integers(-1), g.integers(-100), g.integers(1), g.integers(-1)])],
    ['shifted by one', (g, x) => g.op('Pad', [x, g.integers(0, 1, 0, 0, -1, 0)])],
    [
      'rolled',
      (g, x) => {
        const part = (from: number, to: number): Value =>
          g.op('Slice', [x, g.integers(from), g.integers(to), g.integers(1)]);
        return g.op('Concat', [part(1, 1000), part(0, 1)], axis);
      },
    ],
    ['picked', (g, x) => g.op('Gather', [x, g.integers(2, 0, 1, 4, 3)], axis)],
  ])('are refused: %s', (_, move) => {
    const { sites, unresolved } = resolveSites(laidModel(PLAIN, move));
    expect(sites.map(({ name }) => name)).toEqual(['hook_embed']);
    for (const { reason } of unresolved)
      expect(reason).toMatch(/not those of the token ids|cannot be followed|told apart/);
  });

  it('are refused where rows meet: the model reads its ids as [pos, batch]', () => {
    const swapped = (g: GraphBuilder, x: Value): Value => g.op('Transpose', [x], { attributes: { perm: [1, 0, 2] } });
    expect(() => resolveSites(laidModel(PLAIN, swapped))).toThrow(
      /^Expected attention among the positions of one row of the token ids \[batch, pos\], found node/,
    );
  });
});
