// If, Loop and Scan: the types of their outputs are those of their bodies' outputs, as inferred or as declared there.
import type { Dim, TensorType } from '../shape.js';
import { typeOfValueInfo } from '../declared-type.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { BOOL, indices, input, optional, row, type Shape } from './row.js';

export const CONTROL_FLOW = {
  If: row({
    inputs: 1,
    outputs: [1, Infinity],
    attributes: { then_branch: 'graph', else_branch: 'graph' },
    infer: branch,
  }),
  Loop: row({ inputs: [2, Infinity], outputs: [1, Infinity], attributes: { body: 'graph' }, infer: loop }),
  Scan: row({
    inputs: [1, Infinity],
    outputs: [1, Infinity],
    attributes: {
      body: 'graph',
      num_scan_inputs: 'int',
      scan_input_axes: 'ints',
      scan_input_directions: 'ints',
      scan_output_axes: 'ints',
      scan_output_directions: 'ints',
    },
    infer: scan,
  }),
} satisfies Record<string, OperatorRow>;

/** Types of a body's outputs; null where a type is unknown. */
function bodyTypes(call: OperatorCall, attribute: string): readonly (TensorType | null)[] {
  const graph = call.attributes.raw(attribute)?.g;
  if (!graph) return call.fail(`a graph "${attribute}"`, 'none');
  const inferred = call.bodyOutputs?.(attribute) ?? [];
  return graph.output.map((info, i) => inferred[i] ?? typeOfValueInfo(info, () => call.unknownDim()));
}

function known(call: OperatorCall, type: TensorType | null | undefined, index: number): TensorType {
  return type ?? call.fail('bodies that tell the types of their outputs', `none for output ${index}`);
}

/** An axis that two branches, or two rounds, size differently is unknown. */
export function mergeShapes(a: Shape, b: Shape, unknownDim: () => Dim): Shape {
  if (a === null || b?.length !== a.length) return null;
  return a.map((dim, axis) => (dim === b[axis] ? dim : unknownDim()));
}

function branch(call: OperatorCall): TensorType[] {
  input(call, 0, BOOL);
  const [yes, no] = [bodyTypes(call, 'then_branch'), bodyTypes(call, 'else_branch')];
  if (yes.length !== call.outputs || no.length !== call.outputs)
    call.fail(`${call.outputs} outputs of each branch`, `${yes.length} and ${no.length}`);
  return yes.map((type, i) => {
    const [a, b] = [known(call, type ?? no[i], i), known(call, no[i] ?? type, i)];
    if (a.dtype !== b.dtype) call.fail(`one element type of output ${i}`, `${a.dtype} and ${b.dtype}`);
    return { dtype: a.dtype, shape: mergeShapes(a.shape, b.shape, () => call.unknownDim()) };
  });
}

/** Body (iteration, condition, carried…) → (condition, carried…, scanned…); scanned outputs get a leading axis. */
function loop(call: OperatorCall): TensorType[] {
  optional(call, 0, ['int64']);
  optional(call, 1, BOOL);
  const carried = call.inputs.length - 2;
  const [, ...outputs] = bodyTypes(call, 'body');
  if (outputs.length !== call.outputs) call.fail(`${call.outputs + 1} outputs of the body`, String(outputs.length + 1));
  const trips = call.inputs[1] ? call.unknownDim() : (call.inputs[0]?.values?.[0] ?? call.unknownDim());
  return outputs.map((type, i) => {
    const { dtype, shape } = known(call, type, i);
    if (i >= carried) return { dtype, shape: shape && [trips, ...shape] };
    const first = input(call, i + 2);
    if (first.dtype !== dtype)
      call.fail(`a carried tensor of type ${first.dtype}`, `${dtype} from the body's output ${i + 1}`);
    return { dtype, shape: mergeShapes(first.shape, shape, () => call.unknownDim()) };
  });
}

/** Body (states…, one element of each scanned input…) → (states…, one element of each scanned output…). */
function scan(call: OperatorCall): TensorType[] {
  const states = call.inputs.length - call.attributes.int('num_scan_inputs', 1);
  if (states < 0) call.fail('at least num_scan_inputs inputs', String(call.inputs.length));
  const outputs = bodyTypes(call, 'body');
  const inputAxis = call.attributes.ints('scan_input_axes')?.[0] ?? 0;
  const scanned = input(call, states).shape;
  const length = scanned?.at(inputAxis) ?? call.unknownDim();
  const axes = call.attributes.ints('scan_output_axes');
  return indices(call.outputs).map((i) => {
    const { dtype, shape } = known(call, outputs[i], i);
    if (i < states || shape === null) return { dtype, shape };
    const given = axes?.[i - states] ?? 0;
    const axis = given < 0 ? given + shape.length + 1 : given;
    return { dtype, shape: [...shape.slice(0, axis), length, ...shape.slice(axis)] };
  });
}
