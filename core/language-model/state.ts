// The tensors that a training carries from step to step: parameters, and the optimiser's tensors beside each.
import { InputError } from '../../schemas/errors.js';
import { type SafeTensor, asFloat32 } from '../tensor/safetensors.js';
import { modelParameters } from './architectures.js';
import type { ModelSpec } from './model-spec.js';
import type { OptimiserSettings } from '../optimise/optimisers/optimiser.js';
import { OPTIMISERS } from '../optimise/optimisers/optimisers.js';

export interface StateTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Name of an optimiser's tensor beside a parameter. */
export function optimiserTensor(kind: string, parameter: string): string {
  return `optimiser.${kind}.${parameter}`;
}

/** All state tensors: the parameters in the model's order, then each of the optimiser's kinds in the same order. */
export function stateTensors(spec: ModelSpec, optimiser: OptimiserSettings): StateTensor[] {
  const parameters = modelParameters(spec).map(({ name, shape }) => ({ name, shape }));
  const kinds = OPTIMISERS[optimiser.kind].state(optimiser);
  const beside = kinds.flatMap((kind) =>
    parameters.map(({ name, shape }) => ({ name: optimiserTensor(kind, name), shape })),
  );
  return [...parameters, ...beside];
}

/** The state before the first step: the given weights, zeros beside them. */
export function startState(
  spec: ModelSpec,
  optimiser: OptimiserSettings,
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  checkWeights(spec, weights);
  return new Map(
    stateTensors(spec, optimiser).map(({ name, shape }) => {
      const length = shape.reduce((a, b) => a * b, 1);
      return [name, weights.get(name) ?? new Float32Array(length)];
    }),
  );
}

/** @throws InputError where a weight is missing or has another number of elements than its shape */
export function checkWeights(spec: ModelSpec, weights: ReadonlyMap<string, Float32Array>): void {
  const problems = modelParameters(spec).flatMap(({ name, shape }) => {
    const found = weights.get(name)?.length;
    const expected = shape.reduce((a, b) => a * b, 1);
    if (found === expected) return [];
    return [`"${name}" [${shape.join(', ')}] (found ${found === undefined ? 'none' : `${found} numbers`})`];
  });
  if (problems.length > 0) throw wrongWeights(spec, problems);
}

/**
 * The weights of a safetensors file in PyTorch's names and orientations. Tensors that the model does not have (masks, the
 * second name of a tied embedding) are left out.
 * @throws InputError where one is missing or has another shape; DataError where one is not float32
 */
export function weightsFrom(spec: ModelSpec, tensors: ReadonlyMap<string, SafeTensor>): Map<string, Float32Array> {
  const wanted = modelParameters(spec);
  const problems = wanted.flatMap(({ name, shape }) => {
    const found = tensors.get(name)?.shape;
    if (found?.join() === shape.join()) return [];
    return [`"${name}" [${shape.join(', ')}] (found ${found ? `[${found.join(', ')}]` : 'none'})`];
  });
  if (problems.length > 0) throw wrongWeights(spec, problems);
  return new Map(wanted.map(({ name }) => [name, asFloat32(tensors.get(name) as SafeTensor)]));
}

function wrongWeights({ architecture, tied }: ModelSpec, problems: readonly string[]): InputError {
  const shown = problems.slice(0, 5).join('; ');
  const more = problems.length > 5 ? ` and ${problems.length - 5} more` : '';
  return new InputError(
    `Expected the weights of a ${tied ? 'tied' : 'not tied'} ${architecture} of the configured sizes: ${shown}${more}. Correct the sizes, or give the weights of this model.`,
    { problems },
  );
}
