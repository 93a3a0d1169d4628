// All that is asked of one class, one against the rest: a probe of all activations, sparse probes of features and of coordinates of the
// activations chosen alike, splitting and absorption. Fitted and chosen on the rows of `fit` alone, told of those of `test`.
import { measureAbsorption, type Absorption } from './absorption.js';
import { chooseCoordinates, chooseFeatures } from './choose.js';
import { fitProbe, predict, type Probe } from './linear-probe.js';
import { coordinateValues, featureValues, type ProbeRows, type Task, taskOf } from './probe-rows.js';
import { measureSplitting, type Splitting } from './splitting.js';

/** Numbers that sparse probes may read. */
export const PROBE_SIZES = [1, 2, 5] as const;

export interface ClassRequest {
  readonly fit: ProbeRows;
  readonly test: ProbeRows;
  readonly label: number;
  /** Most rows of the class, and as many others, of each of both. */
  readonly most: number;
  /** Decoder row of a feature; null where the dictionary does not reconstruct what it reads. */
  readonly decoderRow: ((feature: number) => Float32Array) | null;
}

/** What a probe says of the rows of the test task. */
export interface ProbeAnswer {
  /** Features or coordinates that it reads; null: all coordinates. */
  readonly reads: readonly number[] | null;
  readonly said: Uint8Array;
}

export interface ClassProbes {
  readonly fitRows: number;
  readonly task: Task;
  readonly raw: ProbeAnswer;
  /** By the sizes. */
  readonly features: readonly ProbeAnswer[];
  readonly neurons: readonly ProbeAnswer[];
  readonly splitting: Splitting;
  /** Null where the dictionary does not reconstruct what it reads, or no feature stands for the class. */
  readonly absorption: Absorption | null;
}

export function probeClass({ fit, test, label, most, decoderRow }: ClassRequest): ClassProbes {
  const [fitted, task] = [taskOf(fit, label, most), taskOf(test, label, most)];
  const all = Array.from({ length: fit.width }, (_, j) => j);
  const largest = Math.max(...PROBE_SIZES);
  const [features, neurons] = [chooseFeatures(fit, fitted, largest), chooseCoordinates(fit, fitted, largest)];
  const answer = (values: typeof featureValues, reads: readonly number[]): ProbeAnswer & { readonly probe: Probe } => {
    const probe = fitProbe(values(fit, fitted.rows, reads), fitted.positive);
    return { probe, reads, said: predict(probe, values(test, task.rows, reads), task.rows.length) };
  };
  const raw = answer(coordinateValues, all);
  const splitting = measureSplitting(fit, fitted);
  return {
    ...{ fitRows: fitted.rows.length, task, splitting },
    raw: { reads: null, said: raw.said },
    features: PROBE_SIZES.map((k) => withoutProbe(answer(featureValues, features.slice(0, k)))),
    neurons: PROBE_SIZES.map((k) => withoutProbe(answer(coordinateValues, neurons.slice(0, k)))),
    absorption:
      decoderRow === null || splitting.features.length === 0
        ? null
        : measureAbsorption({
            ...{ rows: test, main: splitting.features, decoderRow, direction: raw.probe.model.weights },
            right: [...task.rows].filter((_, i) => task.positive[i] === 1 && raw.said[i] === 1),
            mean: meanOf(fit, fitted.rows),
          }),
  };
}

function withoutProbe({ reads, said }: ProbeAnswer): ProbeAnswer {
  return { reads, said };
}

function meanOf({ act, width }: ProbeRows, rows: Uint32Array): Float64Array {
  const mean = new Float64Array(width);
  for (const row of rows)
    for (let j = 0; j < width; j++) mean[j] = (mean[j] as number) + (act[row * width + j] as number) / rows.length;
  return mean;
}
