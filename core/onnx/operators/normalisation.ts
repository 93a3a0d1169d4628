// Normalisations: over the last axes (LayerNormalization and its kin) or over channels.
import { broadcastShapes } from '../broadcast.js';
import type { TensorType } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { FLOAT, input, like, normaliseAxis, optional, row, sameType, type Shape } from './row.js';

export const NORMALISATION = {
  GroupNormalization: row({
    inputs: 3,
    attributes: { epsilon: 'float', num_groups: 'int', stash_type: 'int' },
    infer: (call) => {
      sameType(call, [0, 1, 2]);
      return [like(input(call, 0, FLOAT))];
    },
  }),
  InstanceNormalization: row({
    inputs: 3,
    attributes: { epsilon: 'float' },
    infer: (call) => {
      sameType(call, [0, 1, 2]);
      return [like(input(call, 0, FLOAT))];
    },
  }),
  LayerNormalization: row({
    inputs: [2, 3],
    outputs: [1, 3],
    attributes: { axis: 'int', epsilon: 'float', stash_type: 'int' },
    infer: overLastAxes,
  }),
  RMSNormalization: row({
    inputs: 2,
    attributes: { axis: 'int', epsilon: 'float', stash_type: 'int' },
    infer: overLastAxes,
  }),
  /** ONNX Runtime's own, in the standard domain: RMSNormalization with an optional second output. */
  SimplifiedLayerNormalization: row({
    inputs: 2,
    outputs: [1, 2],
    attributes: { axis: 'int', epsilon: 'float', stash_type: 'int' },
    infer: overLastAxes,
  }),
} satisfies Record<string, OperatorRow>;

/** The result like x, then one mean and one inverse deviation per vector. */
function overLastAxes(call: OperatorCall): TensorType[] {
  const x = input(call, 0, FLOAT);
  const scale = input(call, 1, FLOAT);
  optional(call, 2, FLOAT);
  const { shape } = x;
  if (shape === null) return [like(x), stash(call, null), stash(call, null)];
  const axis = normaliseAxis(call, call.attributes.int('axis', -1), shape.length);
  if (scale.shape && scale.shape.length > shape.length)
    call.fail(`a scale of at most ${shape.length} axes`, `[${scale.shape.join(', ')}]`);
  broadcastShapes([shape, scale.shape], call);
  const one = shape.map((dim, i) => (i < axis ? dim : 1));
  return [{ dtype: scale.dtype, shape }, stash(call, one), stash(call, one)];
}

/** Statistics are computed in the type that `stash_type` names: float32 unless the file says bfloat16. */
function stash(call: OperatorCall, shape: Shape): TensorType {
  return { dtype: call.attributes.int('stash_type', 1) === 16 ? 'bfloat16' : 'float32', shape };
}
