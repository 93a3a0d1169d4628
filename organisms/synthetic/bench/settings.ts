// The settings of SynthSAEBench generators: the published 16k model, and what a smaller one changes.
//
// Source: D. Chanin and A. Garriga-Alonso (2026), "SynthSAEBench: Evaluating Sparse Autoencoders on Scalable Realistic Synthetic
// Data", arXiv 2602.14687; SAELens 6.54.12, docs/synth_sae_bench.md (`synth-sae-bench-16k-v2`).
import { InputError } from '../../../schemas/errors.js';

export interface SynthBenchSettings {
  /** True features, n. */
  readonly features: number;
  /** Width of a row, d. */
  readonly width: number;
  /** p_i = min + (max − min) (i^−exponent − n^−exponent) / (1 − n^−exponent), i from 1. */
  readonly firing: { readonly exponent: number; readonly max: number; readonly min: number };
  /** Trees of features; a node at a depth below `depth` has `branching` children, of which one at most is active. */
  readonly hierarchy: { readonly roots: number; readonly branching: number; readonly depth: number };
  /** Common factors of firing: `rank` of them, each row of weights of standard deviation `scale`. */
  readonly correlation: { readonly rank: number; readonly scale: number };
  /** Adam steps that spread the directions. */
  readonly orthogonalisation: { readonly steps: number; readonly lr: number };
  /** Mean magnitude from the most to the least frequent feature; the standard deviation of each is |N(mean, deviation²)|. */
  readonly magnitude: {
    readonly first: number;
    readonly last: number;
    readonly spreadMean: number;
    readonly spreadDeviation: number;
  };
  /** ‖b‖. */
  readonly biasNorm: number;
  readonly seed: number;
}

/** SynthSAEBench-16k, with a seed of our own random numbers: its law is the published one, its draws are not. */
export const SYNTH_16K: SynthBenchSettings = {
  features: 16_384,
  width: 768,
  firing: { exponent: 0.5, max: 0.4, min: 5e-4 },
  hierarchy: { roots: 128, branching: 4, depth: 3 },
  correlation: { rank: 25, scale: 0.1 },
  orthogonalisation: { steps: 100, lr: 3e-4 },
  magnitude: { first: 5, last: 4, spreadMean: 0.5, spreadDeviation: 0.5 },
  biasNorm: 0.5,
  seed: 42,
};

/**
 * The published model at another size. Features and width as given; trees in proportion to features, at least one; all else as
 * published.
 */
export function synthBenchOf(size: {
  readonly features?: number | undefined;
  readonly width?: number | undefined;
  readonly seed?: number | undefined;
}): SynthBenchSettings {
  const { features = SYNTH_16K.features, width = SYNTH_16K.width, seed = SYNTH_16K.seed } = size;
  const roots = Math.max(1, Math.round((SYNTH_16K.hierarchy.roots * features) / SYNTH_16K.features));
  return checkSynthBench({
    ...{ ...SYNTH_16K, features, width, seed },
    hierarchy: { ...SYNTH_16K.hierarchy, roots },
  });
}

/** @throws InputError where no such generator exists */
export function checkSynthBench(settings: SynthBenchSettings): SynthBenchSettings {
  const { features, width, firing, correlation, hierarchy } = settings;
  const demand = (holds: boolean, expected: string, found: Record<string, number>): void => {
    if (holds) return;
    const shown = Object.entries(found).map(([name, value]) => `${name} ${value}`);
    throw new InputError(`Expected ${expected}, got ${shown.join(', ')}. Change the settings of the generator.`, found);
  };
  const whole = (n: number): boolean => Number.isSafeInteger(n) && n > 0;
  demand(whole(features) && whole(width), 'whole numbers of features and of width, above 0', { features, width });
  demand(0 < firing.min && firing.min < firing.max && firing.max <= 1, '0 < min < max ≤ 1 for firing', {
    min: firing.min,
    max: firing.max,
  });
  demand(firing.exponent > 0, 'an exponent above 0', { exponent: firing.exponent });
  demand(whole(correlation.rank) && correlation.scale >= 0, 'a rank above 0 and a scale of at least 0', {
    rank: correlation.rank,
    scale: correlation.scale,
  });
  demand(whole(hierarchy.roots) && hierarchy.branching >= 2 && hierarchy.depth >= 1, 'trees that branch', {
    roots: hierarchy.roots,
    branching: hierarchy.branching,
    depth: hierarchy.depth,
  });
  return settings;
}
