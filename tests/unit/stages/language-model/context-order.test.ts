// Laws of the order of contexts: every token once per epoch, keyed, a function of the step alone.
import { describe, expect, it } from 'vitest';
import { contextOffsets, contextsPerEpoch, type ContextOrder } from '../../../../core/order/context-order.js';

const ORDER: ContextOrder = {
  sampling: 'epochs',
  ...{ seed: 3, stream: 'digest', tokens: 103, contextTokens: 10, batch: 4 },
};

const steps = (order: ContextOrder, count: number): number[] =>
  Array.from({ length: count }, (_, step) => [...contextOffsets(order)(step)]).flat();

describe('contexts by epochs', () => {
  it('use every input token at most once per epoch, and all but fewer than one context', () => {
    // (103 − 1) / 10 = 10 contexts; five epochs of 10 are 50 contexts: 12.5 steps of 4.
    expect(contextsPerEpoch(ORDER)).toBe(10);
    const all = steps(ORDER, 15);
    const shifts = new Set<number>();
    for (let epoch = 0; epoch < 5; epoch++) {
      const offsets = all.slice(epoch * 10, (epoch + 1) * 10);
      const used = offsets.flatMap((at) => Array.from({ length: 10 }, (_, i) => at + i));
      expect(new Set(used).size).toBe(100);
      expect(Math.max(...used) + 1).toBeLessThan(103);
      shifts.add(Math.min(...offsets));
    }
    expect(shifts.size).toBeGreaterThan(1);
  });

  it('differ from epoch to epoch, by seed and by stream', () => {
    const all = steps(ORDER, 15);
    expect(all.slice(0, 10)).not.toEqual(all.slice(10, 20));
    expect(steps({ ...ORDER, seed: 4 }, 3)).not.toEqual(all.slice(0, 12));
    expect(steps({ ...ORDER, stream: 'other' }, 3)).not.toEqual(all.slice(0, 12));
  });

  it('are a function of the step, whatever was asked before', () => {
    const at = contextOffsets(ORDER);
    const late = [...at(9)];
    at(0);
    expect([...at(9)]).toEqual(late);
    expect([...contextOffsets(ORDER)(9)]).toEqual(late);
  });

  it('are the same in whatever batches', () => {
    expect(steps({ ...ORDER, batch: 1 }, 24)).toEqual(steps({ ...ORDER, batch: 12 }, 2));
  });

  it('are none in a stream that is too short', () => {
    expect(contextsPerEpoch({ tokens: 10, contextTokens: 10 })).toBe(0);
    expect(contextsPerEpoch({ tokens: 11, contextTokens: 10 })).toBe(1);
    expect(contextsPerEpoch({ tokens: 0, contextTokens: 10 })).toBe(0);
  });
});

describe('random contexts', () => {
  it('begin anywhere where a context and its last target fit, keyed by the step', () => {
    const order = { ...ORDER, sampling: 'random', tokens: 13, batch: 64 } as const;
    const found = steps(order, 4);
    expect([...new Set(found)].sort()).toEqual([0, 1, 2]);
    expect(found.slice(0, 64)).not.toEqual(found.slice(64, 128));
    expect(steps(order, 4)).toEqual(found);
  });
});
