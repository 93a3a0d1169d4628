// The dominator tree equals its definition on random graphs, and deep graphs neither overflow nor take long.
import { describe, expect, it } from 'vitest';
import { DominatorTree } from '../../../../core/onnx/dominators.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';

/** Nodes without which `node` is not reached from 0, itself included: the definition. */
function dominatorsOf(node: number, reads: readonly (readonly number[])[]): number[] {
  return reads
    .map((_, without) => without)
    .filter((without) => {
      const reached = reads.map(() => false);
      reads.forEach((from, n) => {
        const before = n === 0 || from.some((read) => reached[read] === true);
        reached[n] = before && n !== without;
      });
      return reached[node] !== true;
    });
}

describe('the dominator tree', () => {
  it('gives every node the last node that all its paths pass, on 200 random graphs', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = new KeyedRandom('dominators', seed);
      const reads = Array.from({ length: 14 }, (_, n) =>
        n === 0 ? [] : Array.from({ length: 1 + random.nextInt(3) }, () => random.nextInt(n)),
      );
      const tree = new DominatorTree(0);
      reads.forEach((from, n) => {
        if (n > 0) tree.add(n, from);
      });
      for (let n = 1; n < reads.length; n++) {
        const above = dominatorsOf(n, reads).filter((other) => other !== n);
        expect(tree.idom(n)).toBe(Math.max(...above));
      }
    }
  });

  it('leaves out nodes that the root does not reach', () => {
    const tree = new DominatorTree(5);
    tree.add(6, [1, 2]);
    tree.add(7, [6, 5]);
    expect(tree.has(6)).toBe(false);
    expect([...tree.entries()]).toEqual([
      [5, 5],
      [7, 5],
    ]);
  });

  it('climbs a chain of 100,000 nodes 100,000 times within seconds', () => {
    const tree = new DominatorTree(0);
    const count = 100_000;
    for (let n = 1; n <= count; n++) tree.add(n, [n - 1]);
    for (let n = 1; n <= count; n++) tree.add(count + n, [count, n % 7]);
    expect(tree.idom(2 * count)).toBe(count % 7);
  });
});
