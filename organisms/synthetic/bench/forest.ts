// The forest of a SynthSAEBench generator: whose child a feature is, and how often each must be tried to fire as often as it should.
//
// Features are numbered breadth first: the roots of all trees, then their children in order of parents, and so on; features beyond
// the last level stand alone. A child is active only with its parent, and of the children of a parent one at most.
//
//   p_i   how often feature i shall fire                        c_i = (1 / p_parent) · (1 + Σ_{other siblings j} p_j / p_parent)
//   q_i   how often it is tried: min(1, p_i c_i)                (for a root, and for a feature alone, c_i = 1)
//
// The first factor makes up for parents that are silent, the second, to first order, for siblings that win.
//
// Source: SAELens 6.54.12, sae_lens/synthetic/hierarchy/hierarchy.py (`generate_hierarchy`,
// `compute_probability_correction_factors`), firing_probabilities.py. Test: tests/golden/synthetic/synth-bench.test.ts.
import type { SynthBenchSettings } from './settings.js';

export interface Forest {
  /** Features in trees: 0 … treed − 1; the others stand alone. */
  readonly treed: number;
  readonly roots: number;
  /** Parent of each feature [n]; −1 for roots and features alone. */
  readonly parent: Int32Array;
  /** Children of feature i are firstChild[i] … firstChild[i] + children[i] − 1. */
  readonly firstChild: Int32Array;
  readonly children: Int32Array;
  /** Level of each feature: 0 for roots, −1 for features alone. */
  readonly depth: Int32Array;
}

export function growForest({ features, hierarchy }: Pick<SynthBenchSettings, 'features' | 'hierarchy'>): Forest {
  const { branching, depth: deepest } = hierarchy;
  const roots = Math.min(hierarchy.roots, features);
  const parent = new Int32Array(features).fill(-1);
  const firstChild = new Int32Array(features);
  const children = new Int32Array(features);
  const depth = new Int32Array(features).fill(-1);
  depth.fill(0, 0, roots);
  let next = roots;
  for (let node = 0; node < next; node++) {
    const level = depth[node] as number;
    firstChild[node] = next;
    if (level >= deepest) continue;
    const count = Math.min(branching, features - next);
    children[node] = count;
    parent.fill(node, next, next + count);
    depth.fill(level + 1, next, next + count);
    next += count;
  }
  return { treed: next, roots, parent, firstChild, children, depth };
}

/** p [n], most frequent first. */
export function firingProbabilities({
  features,
  firing: { exponent, max, min },
}: Pick<SynthBenchSettings, 'features' | 'firing'>): Float64Array {
  const least = features ** -exponent;
  const share = (i: number): number => (features === 1 ? 1 : ((i + 1) ** -exponent - least) / (1 - least));
  return Float64Array.from({ length: features }, (_, i) => min + (max - min) * share(i));
}

/** q [n]. */
export function triedProbabilities(wanted: Float64Array, { parent, firstChild, children }: Forest): Float64Array {
  return wanted.map((p, i) => {
    const above = parent[i] as number;
    if (above < 0) return p;
    const ofParent = wanted[above] as number;
    const first = firstChild[above] as number;
    const siblings = wanted.subarray(first, first + (children[above] as number));
    const others = siblings.length < 2 ? 0 : Math.max(0, siblings.reduce((sum, q) => sum + q, 0) - p);
    return Math.min(1, (p / ofParent) * (1 + others / ofParent));
  });
}
