// Published results on SynthSAEBench-16k: 4,096 features, 200 million samples, batches of 1,024, lr 3e-4, on a GPU in bfloat16.
//
// Source: SAELens, docs/synth_sae_bench.md ("Raw results for SynthSAEBench-16k at selected L0s", means over seeds), read 2026-11.
export interface PublishedResult {
  readonly architecture: string;
  readonly l0: 20 | 25;
  readonly f1: number;
  readonly mcc: number;
  readonly uniqueness: number;
  readonly explainedVariance: number;
}

export const PUBLISHED_SAMPLES = 200_000_000;

export const PUBLISHED: readonly PublishedResult[] = (
  [
    ['batchtopk', 25, 0.7316, 0.7574, 0.9837, 0.7923],
    ['matryoshka', 25, 0.8793, 0.7927, 0.9987, 0.7792],
    ['relu', 25, 0.5562, 0.6039, 0.8976, 0.7654],
    ['jumprelu', 25, 0.7317, 0.7527, 0.9885, 0.7951],
    ['matching pursuit', 25, 0.4464, 0.693, 0.8281, 0.8351],
    ['batchtopk', 20, 0.8183, 0.7526, 0.976, 0.7889],
    ['matryoshka', 20, 0.8601, 0.7455, 0.9874, 0.7699],
    ['relu', 20, 0.5777, 0.5834, 0.8528, 0.7501],
    ['jumprelu', 20, 0.8241, 0.7434, 0.9781, 0.7906],
    ['matching pursuit', 20, 0.4439, 0.6748, 0.7552, 0.8267],
  ] as const
).map(([architecture, l0, f1, mcc, uniqueness, explainedVariance]) => ({
  ...{ architecture, l0, f1, mcc, uniqueness, explainedVariance },
}));
