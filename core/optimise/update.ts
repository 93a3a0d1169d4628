// The optimiser's update of every parameter of a training step, as graph nodes.
import type { GraphBuilder } from '../onnx/builder.js';
import { type NamedValues, valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { OPTIMISERS } from './optimisers/optimisers.js';
import type { StateLayout } from './state.js';

export interface UpdateInputs {
  readonly layout: StateLayout;
  /** State tensors before the step. */
  readonly state: NamedValues;
  /** Gradients by parameter. */
  readonly gradients: NamedValues;
  /** What gradients are multiplied by, a scalar; null without clipping. */
  readonly clip: Value | null;
  /** This step's factors. */
  readonly factors: NamedValues;
}

/** Parameters and the optimiser's tensors after the step, by the names of the state. */
export function buildUpdates(g: GraphBuilder, inputs: UpdateInputs): Record<string, Value> {
  const { layout, state, gradients, clip, factors } = inputs;
  const { optimiser, nameBeside } = layout;
  const row = OPTIMISERS[optimiser.kind];
  const kinds = row.state(optimiser);
  const updated: Record<string, Value> = {};
  for (const { name, kind } of layout.parameters) {
    const before = kinds.map((tensor) => [tensor, valueNamed(state, nameBeside(tensor, name))] as const);
    const slot = {
      ...{ kind, clip, factors, state: Object.fromEntries(before) },
      parameter: valueNamed(state, name),
      gradient: valueNamed(gradients, name),
    };
    const after = row.buildUpdate(g, slot, optimiser);
    updated[name] = after.parameter;
    for (const tensor of kinds) updated[nameBeside(tensor, name)] = valueNamed(after.state, tensor);
  }
  return updated;
}
