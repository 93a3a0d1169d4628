// The tensors that a training carries from step to step, by the names that they have in graphs and in checkpoints: parameters,
// the optimiser's tensors beside each, and counters. One notion for every trainer; what a trainer trains is its own.
import type { OptimiserSettings, ParameterKind } from './optimisers/optimiser.js';
import { OPTIMISERS } from './optimisers/optimisers.js';

/** A float32 tensor that gradients move. */
export interface TrainedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
}

export interface StateTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int64';
}

export type StateArrays = ReadonlyMap<string, Float32Array | BigInt64Array>;

/** What a state is made of. */
export interface StateLayout {
  readonly parameters: readonly TrainedParameter[];
  readonly optimiser: OptimiserSettings;
  /** Name of an optimiser's tensor (`m`, `v` …) beside a parameter. */
  readonly nameBeside: (tensor: string, parameter: string) => string;
  /** Tensors that a step changes without a gradient. */
  readonly counters: readonly StateTensor[];
}

/** All state tensors: the parameters in their order, each of the optimiser's kinds in the same order, the counters. */
export function stateTensors({ parameters, optimiser, nameBeside, counters }: StateLayout): StateTensor[] {
  const tensor = (name: string, shape: readonly number[]): StateTensor => ({ name, shape, type: 'float32' });
  const kinds = OPTIMISERS[optimiser.kind].state(optimiser);
  return [
    ...parameters.map(({ name, shape }) => tensor(name, shape)),
    ...kinds.flatMap((kind) => parameters.map(({ name, shape }) => tensor(nameBeside(kind, name), shape))),
    ...counters,
  ];
}

/** The state before the first step: the given values, zeros for the rest. */
export function startState(
  tensors: readonly StateTensor[],
  given: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array | BigInt64Array> {
  return new Map(
    tensors.map(({ name, shape, type }) => {
      const length = sizeOf(shape);
      return [name, given.get(name) ?? (type === 'int64' ? new BigInt64Array(length) : new Float32Array(length))];
    }),
  );
}

/** Name of a state tensor at a graph's output. */
export function updatedName(tensor: string): string {
  return `new.${tensor}`;
}

/** Elements of a tensor of that shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
