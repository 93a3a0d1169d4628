// Shapes of the small datasets that tests of the index build: one to change, and any within limits.
import fc from 'fast-check';
import type { Shape } from './draw.js';

/** Documents of one packing, with more features than a token has. */
export function sampleShape(change: Partial<Shape> = {}): Shape {
  return {
    seed: 1,
    shards: 4,
    documents: 6,
    mostTokens: 30,
    features: 12,
    perToken: 3,
    k: 4,
    contextTokens: 9,
    packing: 'document',
    ...change,
  };
}

/** Any shape up to the given sizes, and any packing. */
export function anyShape(most: Omit<Shape, 'seed' | 'packing'>): fc.Arbitrary<Shape> {
  return fc.record({
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    shards: fc.integer({ min: 1, max: most.shards }),
    documents: fc.integer({ min: 1, max: most.documents }),
    mostTokens: fc.integer({ min: 1, max: most.mostTokens }),
    features: fc.integer({ min: 2, max: most.features }),
    perToken: fc.integer({ min: 1, max: most.perToken }),
    k: fc.integer({ min: 1, max: most.k }),
    contextTokens: fc.integer({ min: 2, max: most.contextTokens }),
    packing: fc.constantFrom('document' as const, 'concatenate' as const),
  });
}
