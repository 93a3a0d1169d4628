// The dominator tree of an acyclic graph whose nodes come in topological order. Asking where two branches of the tree part
// takes a logarithm of its depth, so that a graph made to make this slow is not.
//
// Symbols: idom(n) = the last node before n that every path from the root to n passes; common(a, b) = the deepest node at or
// above both; jump(n) = an ancestor of n at a distance by skew-binary numbers.
// Source: immediate dominators in one pass over a DAG, Cooper, Harvey and Kennedy 2001, section 3; jump pointers, Myers 1983.

interface Place {
  readonly depth: number;
  readonly idom: number;
  readonly jump: number;
}

/** A tree over node numbers that grows by one node at a time, each after all nodes before it. */
export class DominatorTree {
  readonly #places = new Map<number, Place>();

  constructor(root: number) {
    this.#places.set(root, { depth: 0, idom: root, jump: root });
  }

  has(node: number): boolean {
    return this.#places.has(node);
  }

  /** The immediate dominator; the root's is itself, that of a node outside the tree undefined. */
  idom(node: number): number | undefined {
    return this.#places.get(node)?.idom;
  }

  /** Node and immediate dominator, in the order they were added, the root first. */
  *entries(): Generator<readonly [node: number, idom: number]> {
    for (const [node, { idom }] of this.#places) yield [node, idom];
  }

  /** Adds a node below the common dominator of those that it reads; a node that reads none of the tree is left out. */
  add(node: number, reads: Iterable<number>): void {
    let idom: number | null = null;
    for (const read of reads) {
      if (this.has(read)) idom = idom === null ? read : this.common(idom, read);
    }
    if (idom === null) return;
    const above = this.#at(idom);
    const far = this.#at(above.jump);
    const even = above.depth - far.depth === far.depth - this.#at(far.jump).depth;
    this.#places.set(node, { depth: above.depth + 1, idom, jump: even ? far.jump : idom });
  }

  /** The deepest node at or above both. */
  common(a: number, b: number): number {
    let [x, y] = [a, b];
    if (this.#at(x).depth < this.#at(y).depth) [x, y] = [y, x];
    const depth = this.#at(y).depth;
    for (let place = this.#at(x); place.depth > depth; place = this.#at(x))
      x = this.#at(place.jump).depth >= depth ? place.jump : place.idom;
    while (x !== y) {
      const [left, right] = [this.#at(x), this.#at(y)];
      [x, y] = left.jump === right.jump ? [left.idom, right.idom] : [left.jump, right.jump];
    }
    return x;
  }

  #at(node: number): Place {
    return this.#places.get(node) as Place;
  }
}
