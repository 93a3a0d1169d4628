// The trained state of one dictionary: parameters, Adam moments and the counters of dead features, as named arrays.
// Weights here are those of training (scaled units); `scale.ts` folds them to raw units for storage.
import type { Value } from '../onnx/shape.js';
import type { ArchitectureName } from './architectures.js';
import { ARCHITECTURES } from './architectures.js';

/** A tensor of the state, by the name that it has in graphs and in checkpoints. */
export interface StateTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int64';
}

export interface StateSizes {
  readonly architecture: ArchitectureName;
  readonly width: number;
  readonly features: number;
}

export type StateArrays = ReadonlyMap<string, Float32Array | BigInt64Array>;

/** Rows since each feature fired last (int64 [F]). */
export const SINCE_FIRED = 'since_fired';

/** The trained tensors of an architecture in their fixed order. */
export function parameterTensors({ architecture, width, features }: StateSizes): StateTensor[] {
  const extra = ARCHITECTURES[architecture].extraParameters.map((p) => ({
    name: p.name,
    shape: p.shape({ width, features }),
  }));
  return [
    { name: 'W_enc', shape: [features, width] },
    { name: 'b_enc', shape: [features] },
    { name: 'W_dec', shape: [features, width] },
    { name: 'b_dec', shape: [width] },
    ...extra,
  ].map((t) => ({ ...t, type: 'float32' as const }));
}

/** Name of the first (`m`) or second (`v`) moment of a parameter. */
export function momentName(moment: 'm' | 'v', parameter: string): string {
  return `${moment}.${parameter}`;
}

/** Parameters, both moments of each, and the counters: everything that a training step reads and changes. */
export function stateTensors(sizes: StateSizes): StateTensor[] {
  const parameters = parameterTensors(sizes);
  const moments = (['m', 'v'] as const).flatMap((moment) =>
    parameters.map((p) => ({ ...p, name: momentName(moment, p.name) })),
  );
  return [...parameters, ...moments, { name: SINCE_FIRED, shape: [sizes.features], type: 'int64' as const }];
}

/** State with the given parameters, zero moments and zero counters. */
export function startState(
  sizes: StateSizes,
  parameters: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array | BigInt64Array> {
  const state = new Map<string, Float32Array | BigInt64Array>();
  for (const { name, shape, type } of stateTensors(sizes)) {
    const length = shape.reduce((a, b) => a * b, 1);
    state.set(name, parameters.get(name) ?? (type === 'int64' ? new BigInt64Array(length) : new Float32Array(length)));
  }
  return state;
}

/** The graph value of a tensor of the state. @throws TypeError where a graph was built without it */
export function valueOf(values: Readonly<Record<string, Value>>, name: string): Value {
  const value = values[name];
  if (value === undefined) throw new TypeError(`No graph value for the state tensor ${name}.`);
  return value;
}
