// The trained state of one dictionary: parameters, Adam moments and the counters of dead features. Weights here are those of
// training (scaled units); `units.ts` folds them to raw units for storage.
import type { Architecture, DictionarySizes, Parameter } from './architecture.js';
import { type StateLayout, type StateTensor, stateTensors } from '../optimise/state.js';
import { dictionaryOptimiser } from './settings.js';

/** A kind with its sizes: what tensors and graphs follow from. */
export interface DictionaryShape extends DictionarySizes {
  readonly kind: Architecture;
}

/** Rows since each feature fired last (int64 [F]). */
export const SINCE_FIRED = 'since_fired';

/** The stored tensors of a dictionary in their fixed order. */
export function parametersOf(shape: DictionaryShape): readonly Parameter[] {
  return shape.kind.parameters(shape);
}

/** Those that steps move. */
export function trainedOf(shape: DictionaryShape): readonly Parameter[] {
  return parametersOf(shape).filter(({ fixed }) => !fixed);
}

/** Those that are set from the calib split. */
export function fixedOf(shape: DictionaryShape): readonly Parameter[] {
  return parametersOf(shape).filter(({ fixed }) => fixed);
}

/** Trained tensors, both moments of each, the counters and what is set from calib: all that a training step reads and changes. */
export function layoutOf(
  shape: DictionaryShape,
  adam: Parameters<typeof dictionaryOptimiser>[0] = { betas: [0, 0], epsilon: 0 },
): StateLayout {
  return {
    parameters: trainedOf(shape),
    optimiser: dictionaryOptimiser(adam),
    nameBeside: (tensor, parameter) => `${tensor}.${parameter}`,
    counters: [
      { name: SINCE_FIRED, shape: [shape.features], type: 'int64' },
      ...fixedOf(shape).map(({ name, shape: axes }) => ({ name, shape: axes, type: 'float32' as const })),
    ],
  };
}

/** All state tensors; their names and shapes do not depend on Adam's numbers. */
export function dictionaryTensors(shape: DictionaryShape): StateTensor[] {
  return stateTensors(layoutOf(shape));
}
