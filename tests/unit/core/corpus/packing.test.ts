// Contexts, forward passes and stored rows of packed documents, against small cases written out.
import { describe, expect, it } from 'vitest';
import {
  contextCount,
  contextInDocument,
  contextLength,
  contextOf,
  NONE,
  packContexts,
  planBatches,
  planRows,
  type Packing,
  type PackingOptions,
} from '../../../../core/corpus/packing.js';

/** Contexts as text: tokens by number, P for a slot without one. */
function show(packing: Packing): string[] {
  return Array.from({ length: contextCount(packing) }, (_, k) =>
    [...packing.slots.subarray(packing.starts[k], packing.starts[k + 1])]
      .map((slot) => (slot === NONE ? 'P' : String(slot)))
      .join(' '),
  );
}

function pack(counts: readonly number[], options: Partial<PackingOptions>): Packing {
  const offsets = Uint32Array.from([0, ...counts].map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0)));
  return packContexts(offsets, {
    contextTokens: 4,
    prepended: true,
    packing: 'document',
    ...options,
  });
}

describe('packing by document', () => {
  it('begins every context with the prepended token, which counts', () => {
    expect(show(pack([7, 2], {}))).toEqual(['P 0 1 2', 'P 3 4 5', 'P 6', 'P 7 8']);
  });

  it('fills contexts with tokens alone where nothing is prepended, and loses a tail of one', () => {
    const packing = pack([9, 1, 2], { prepended: false });
    expect(show(packing)).toEqual(['0 1 2 3', '4 5 6 7', '10 11']);
    expect([packing.contexts[8], packing.contexts[9]]).toEqual([NONE, NONE]);
  });

  it('has no context for a document without tokens', () => {
    expect(show(pack([0, 1, 0], {}))).toEqual(['P 0']);
    expect(contextCount(pack([], {}))).toBe(0);
  });

  it('lets the context within a document be told from the position alone', () => {
    const offsets = Uint32Array.of(0, 7, 9);
    const packing = pack([7, 2], {});
    for (const [document, length] of [7, 2].entries()) {
      for (let pos = 0; pos < length; pos++) {
        const first = contextOf(packing, offsets, { document, pos: 0 });
        const within = contextInDocument(pos, { contextTokens: 4, prepended: true });
        expect(contextOf(packing, offsets, { document, pos })).toBe(first + within);
      }
    }
  });
});

describe('packing by concatenation', () => {
  it('joins documents with the prepended token between them', () => {
    expect(show(pack([2, 3, 1], { contextTokens: 5, packing: 'concatenate' }))).toEqual(['P 0 1 P 2', 'P 3 4 P 5']);
  });

  it('does not put a separator where a context begins anyway', () => {
    expect(show(pack([3, 2], { packing: 'concatenate' }))).toEqual(['P 0 1 2', 'P 3 4']);
  });

  it('joins documents directly where nothing is prepended', () => {
    const options = { prepended: false, packing: 'concatenate' } as const;
    expect(show(pack([3, 0, 2, 4], options))).toEqual(['0 1 2 3', '4 5 6 7']);
  });
});

describe('forward passes', () => {
  it('hold contexts of one length, the longest first, in order, up to batchTokens', () => {
    const packing = pack([9, 2, 6, 2], {});
    expect(show(packing).map((text) => text.split(' ').length)).toEqual([4, 4, 4, 3, 4, 4, 3]);
    const batches = planBatches(packing, 9);
    expect(batches.map(({ length, contexts }) => [length, ...contexts])).toEqual([
      [4, 0, 1],
      [4, 2, 4],
      [4, 5],
      [3, 3, 6],
    ]);
  });

  it('hold at least one context, however small batchTokens is', () => {
    const batches = planBatches(pack([9], {}), 1);
    expect(batches.map(({ contexts }) => contexts.length)).toEqual([1, 1, 1]);
  });
});

describe('stored rows', () => {
  it('leave out prepended tokens and dropped positions, which count the prepended token', () => {
    const { tokenOfRow, rowOfSlot } = planRows(pack([7], {}), [0, 1]);
    expect([...tokenOfRow]).toEqual([1, 2, 4, 5]);
    expect([...rowOfSlot]).toEqual([NONE, NONE, 0, 1, NONE, NONE, 2, 3, NONE, NONE]);
  });

  it('keep every token where only the prepended position is dropped', () => {
    expect(planRows(pack([7], {}), [0]).tokenOfRow).toHaveLength(7);
    expect([...planRows(pack([7], {}), [0], (token) => token === 3).tokenOfRow]).toEqual([0, 1, 2, 4, 5, 6]);
    expect(contextLength(pack([7], {}), 2)).toBe(2);
  });
});
