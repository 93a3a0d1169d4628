// Laws of packing: every token is seen once, contexts are no longer than allowed, separators stand between documents only.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextCount, contextLength, NONE, packContexts, planBatches, planRows } from '../../core/corpus/packing.js';

const shards = fc.record({
  counts: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
  contextTokens: fc.integer({ min: 2, max: 17 }),
  prepended: fc.boolean(),
  packing: fc.constantFrom('document' as const, 'concatenate' as const),
});
const RUNS = { seed: 11, numRuns: 200 };

function offsetsOf(counts: readonly number[]): Uint32Array {
  const offsets = new Uint32Array(counts.length + 1);
  counts.forEach((count, i) => (offsets[i + 1] = (offsets[i] as number) + count));
  return offsets;
}

describe('packing', () => {
  it('puts every token in one slot, in order; without a prepended token only single tails are lost', () => {
    fc.assert(
      fc.property(shards, ({ counts, ...options }) => {
        const packing = packContexts(offsetsOf(counts), options);
        const seen = [...packing.slots].filter((slot) => slot !== NONE);
        const lost = [...packing.contexts.keys()].filter((t) => packing.contexts[t] === NONE);
        const tokens = counts.reduce((a, b) => a + b, 0);
        expect([...seen, ...lost].sort((a, b) => a - b)).toEqual(Array.from({ length: tokens }, (_, i) => i));
        expect(seen).toEqual([...seen].sort((a, b) => a - b));
        const { contextTokens: size, prepended, packing: mode } = options;
        const ones = mode === 'document' ? counts.filter((c) => c % size === 1).length : tokens % size === 1 ? 1 : 0;
        expect(lost.length).toBe(prepended ? 0 : ones);
      }),
      RUNS,
    );
  });

  it('makes contexts of 2 to contextTokens slots, each token in the context that says it holds it', () => {
    fc.assert(
      fc.property(shards, ({ counts, ...options }) => {
        const packing = packContexts(offsetsOf(counts), options);
        for (let k = 0; k < contextCount(packing); k++) {
          const length = contextLength(packing, k);
          expect(length).toBeGreaterThanOrEqual(2);
          expect(length).toBeLessThanOrEqual(options.contextTokens);
          const start = packing.starts[k] as number;
          expect(packing.slots[start] === NONE).toBe(options.prepended);
          for (let i = 0; i < length; i++) {
            const token = packing.slots[start + i] as number;
            if (token !== NONE) expect(packing.contexts[token]).toBe(k);
          }
        }
      }),
      RUNS,
    );
  });

  it('separates documents within a context by exactly one slot without a token, and nothing else', () => {
    fc.assert(
      fc.property(shards, ({ counts, ...options }) => {
        const offsets = offsetsOf(counts);
        const packing = packContexts(offsets, { ...options, prepended: true });
        const documentOf = (token: number): number => offsets.findLastIndex((o) => o <= token);
        for (let k = 0; k < contextCount(packing); k++) {
          const slots = [...packing.slots.subarray(packing.starts[k], packing.starts[k + 1])];
          slots.slice(1).forEach((b, i) => {
            const a = slots[i] as number;
            if (b === NONE) expect([a === NONE, options.packing]).toEqual([false, 'concatenate']);
            else if (a !== NONE) expect(documentOf(a)).toBe(documentOf(b));
            const before = slots[i - 1] ?? NONE;
            if (a === NONE && b !== NONE && before !== NONE) {
              expect(documentOf(before)).toBeLessThan(documentOf(b));
            }
          });
        }
      }),
      RUNS,
    );
  });

  it('gives each context to one pass of its length within batchTokens', () => {
    fc.assert(
      fc.property(shards, fc.integer({ min: 1, max: 100 }), ({ counts, ...options }, batchTokens) => {
        const packing = packContexts(offsetsOf(counts), options);
        const batches = planBatches(packing, batchTokens);
        const all = batches.flatMap(({ contexts }) => [...contexts]);
        expect(all.sort((a, b) => a - b)).toEqual(Array.from({ length: contextCount(packing) }, (_, k) => k));
        for (const { length, contexts } of batches) {
          for (const k of contexts) expect(contextLength(packing, k)).toBe(length);
          expect(contexts.length === 1 || contexts.length * length <= batchTokens).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('gives each token at most one row, and exactly one unless its position is dropped or it is lost', () => {
    fc.assert(
      fc.property(
        shards,
        fc.uniqueArray(fc.integer({ min: 0, max: 17 }), { maxLength: 4 }),
        ({ counts, ...options }, drop) => {
          const packing = packContexts(offsetsOf(counts), options);
          const { tokenOfRow, rowOfSlot } = planRows(packing, drop);
          expect(new Set(tokenOfRow).size).toBe(tokenOfRow.length);
          let kept = 0;
          for (let k = 0; k < contextCount(packing); k++) {
            for (let i = 0; i < contextLength(packing, k); i++) {
              const slot = (packing.starts[k] as number) + i;
              const token = packing.slots[slot] as number;
              const row = rowOfSlot[slot] as number;
              if (token === NONE || drop.includes(i)) expect(row).toBe(NONE);
              else {
                expect(tokenOfRow[row]).toBe(token);
                kept++;
              }
            }
          }
          expect(kept).toBe(tokenOfRow.length);
        },
      ),
      RUNS,
    );
  });
});
