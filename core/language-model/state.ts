// The state of a language model's training, and the weights that it may begin from.
import { InputError } from '../../schemas/errors.js';
import { type SafeTensor, asFloat32 } from '../tensor/safetensors.js';
import { modelParameters } from './architectures.js';
import type { ModelSpec } from './model-spec.js';
import type { OptimiserSettings } from '../optimise/optimisers/optimiser.js';
import { type StateLayout, type StateTensor, sizeOf, startState, stateTensors } from '../optimise/state.js';

/** The state of a model's training: the parameters in the model's order, the optimiser's tensors beside them. */
export function layoutOf(spec: ModelSpec, optimiser: OptimiserSettings): StateLayout {
  return {
    ...{ parameters: modelParameters(spec), optimiser, counters: [] },
    nameBeside: (tensor, parameter) => `optimiser.${tensor}.${parameter}`,
  };
}

/** All state tensors. */
export function modelTensors(spec: ModelSpec, optimiser: OptimiserSettings): StateTensor[] {
  return stateTensors(layoutOf(spec, optimiser));
}

/** The state before the first step, all of it float32: the given weights, zeros beside them. */
export function startModelState(
  spec: ModelSpec,
  optimiser: OptimiserSettings,
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  checkWeights(spec, weights);
  return startState(modelTensors(spec, optimiser), weights) as Map<string, Float32Array>;
}

/** @throws InputError where a weight is missing or has another number of elements than its shape */
export function checkWeights(spec: ModelSpec, weights: ReadonlyMap<string, Float32Array>): void {
  const problems = modelParameters(spec).flatMap(({ name, shape }) => {
    const found = weights.get(name)?.length;
    const expected = sizeOf(shape);
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
