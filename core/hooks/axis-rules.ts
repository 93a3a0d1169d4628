// What an operator does to the axes of its operands: one rule per operator, where the axes of the token ids are in its first
// result. An operator without a rule gives a result of which nothing is known; no rule guesses.
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Dim } from '../onnx/shape.js';
import { axisAttribute, changed, resized, type AxisCall, type AxisRule } from './axis-call.js';
import {
  axisOf,
  broadcast,
  isFeature,
  isToken,
  layoutOf,
  meet,
  movedAxis,
  OUTSIDE,
  UNKNOWN,
  type Axis,
} from './axis-labels.js';
import { attended, gemm, product, projected } from './axis-products.js';
import { layoutAfter, type Layout } from './layout.js';
import { axesOf, integersOf, shapeOf } from './site-graph.js';

/** The rule of an operator; null where there is none. */
export function axisRule(operator: string): AxisRule | null {
  return RULES.get(operator) ?? null;
}

const one =
  (rule: (call: AxisCall) => Layout | null): AxisRule =>
  (call) => [rule(call)];

const same = one(({ inputs }) => inputs[0] ?? null);

/** Operators that compute every number from numbers at the same place, operands broadcast; one of unknown rank tells nothing. */
const elementwise = one(({ inputs, node }) => {
  const known = node.input.flatMap((name, i) => (name === '' || !inputs[i] ? [] : [inputs[i]]));
  return known.flat(2).some(isToken) ? broadcast(known) : null;
});

const regrouped = one(({ graph, node, inputs }) => {
  const [layout] = inputs;
  return layout ? layoutAfter(graph, { node, tensor: node.output[0] ?? '' }, layout) : null;
});

const sliced = one((call) => {
  const { graph, node } = call;
  const attributes = readAttributes(node);
  const given = (name: string, input: number): readonly number[] | null =>
    attributes.ints(name) ?? ((node.input[input] ?? '') === '' ? null : integersOf(graph, node.input[input] ?? ''));
  const steps = (node.input[4] ?? '') === '' ? [] : given('', 4);
  // A step below zero turns the axis round.
  if (steps === null || steps.some((step) => step < 1)) return resized(call, () => false);
  return resized(call, (_, before, after) => before === after);
});

const padded = one((call) => {
  const { graph, node, inputs } = call;
  const rank = inputs[0]?.length ?? 0;
  const pads = readAttributes(node).ints('pads') ?? integersOf(graph, node.input[1] ?? '');
  const axes =
    (node.input[3] ?? '') === '' ? Array.from({ length: rank }, (_, i) => i) : integersOf(graph, node.input[3] ?? '');
  if (pads === null || axes === null) return null;
  const places = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return resized(call, (axis) => {
    const at = places.indexOf(axis);
    return at < 0 || (pads[at] === 0 && pads[at + places.length] === 0);
  });
});

const repeated = one((call) => resized(call, (_, before, after) => before === after));

const expanded = one(({ graph, node, inputs, fresh }) => {
  const [layout] = inputs;
  const [before, after] = [shapeOf(graph, node.input[0] ?? ''), shapeOf(graph, node.output[0] ?? '')];
  if (!layout || before === null || after === null) return null;
  const offset = after.length - layout.length;
  return after.map((size, i) =>
    i < offset || (before[i - offset] === 1 && size !== 1) ? fresh(size) : (layout[i - offset] ?? []),
  );
});

const split: AxisRule = (call) => {
  const { graph, node, inputs, fresh } = call;
  const [layout] = inputs;
  const at = axisAttribute(call, 0);
  return node.output.map((output) => {
    const shape = shapeOf(graph, output);
    if (!layout || at === null || shape?.length !== layout.length) return null;
    return changed(layout, (axis, i) =>
      i === at && node.output.length > 1 ? movedAxis(axis, { size: shape[i] as Dim, fresh }) : axis,
    );
  });
};

const joined = one((call) => {
  const { graph, node, inputs, fresh } = call;
  const at = axisAttribute(call, 0);
  const shape = shapeOf(graph, node.output[0] ?? '');
  const known = inputs.filter((layout) => layout !== null);
  if (at === null || shape === null || known.length < node.input.length) return null;
  const filled = node.input.filter((name) => shapeOf(graph, name)?.at(at) !== 0);
  const together = broadcast(known);
  if (together.length !== shape.length) return null;
  if (filled.length <= 1) return together;
  return changed(together, (axis, i) => {
    if (i !== at) return axis;
    const token = known.map((layout) => layout[at] ?? []).find((held) => held.some(isToken));
    return token ? movedAxis(token, { size: shape[at] as Dim, fresh }) : fresh(shape[at] as Dim);
  });
});

const gathered = one((call) => {
  const { graph, node, inputs, fresh } = call;
  const [data, index] = inputs;
  const at = axisAttribute(call, 0);
  const shape = shapeOf(graph, node.output[0] ?? '');
  if (!data || !index || at === null) return null;
  const taken = data[at] ?? [];
  const sizes = index.map((axis, i) => axis[0]?.size ?? shape?.[at + i] ?? 1);
  const places = changed(index, (axis, i) =>
    taken.some(isToken) && axis.length > 0 && !axis.some(isToken)
      ? movedAxis(taken, { size: sizes[i] as Dim, fresh })
      : axis,
  );
  return [...data.slice(0, at), ...places, ...data.slice(at + 1)];
});

/** Rows of a table by coordinates: the last axis of the indices counts the coordinates. */
const gatheredRows = one(({ graph, node, inputs }) => {
  const [data, index] = inputs;
  const count = shapeOf(graph, node.input[1] ?? '')?.at(-1);
  if (!data || !index || typeof count !== 'number' || readAttributes(node).int('batch_dims', 0) !== 0) return null;
  return data.slice(0, count).some((axis) => axis.some(isToken)) ? null : [...index.slice(0, -1), ...data.slice(count)];
});

const alongAxis =
  (otherwise: number): AxisRule =>
  (call) => {
    const at = axisAttribute(call, otherwise);
    const made = at === null ? null : resized(call, (axis, before, after) => axis !== at && before === after);
    return call.node.output.map(() => made);
  };

const reduced = one((call) => {
  const { graph, node, inputs } = call;
  const [layout] = inputs;
  const attributes = readAttributes(node);
  const given = axesOf(graph, node) ?? ((node.input[1] ?? '') === '' ? [] : null);
  if (!layout || given === null) return null;
  const all = given.length === 0 && attributes.int('noop_with_empty_axes', 0) !== 1;
  const gone = new Set(given.map((axis) => (axis < 0 ? axis + layout.length : axis)));
  return without(layout, { gone: (i) => all || gone.has(i), keep: attributes.int('keepdims', 1) === 1 });
});

const reducedAxis = one((call) => {
  const [layout] = call.inputs;
  const at = axisAttribute(call, 0);
  return layout && at !== null ? without(layout, { gone: (i) => i === at, keep: keepsAxes(call.node) }) : null;
});

function keepsAxes(node: NodeProto): boolean {
  return readAttributes(node).int('keepdims', 1) === 1;
}

function without(
  layout: Layout,
  { gone, keep }: { readonly gone: (i: number) => boolean; readonly keep: boolean },
): Layout {
  return layout.flatMap((axis, i) => (gone(i) ? (keep ? [[]] : []) : [axis]));
}

const oneHot = one((call) => {
  const { graph, node, inputs, fresh } = call;
  const [index] = inputs;
  const shape = shapeOf(graph, node.output[0] ?? '');
  if (!index) return null;
  const axis = readAttributes(node).int('axis', -1);
  const at = axis < 0 ? axis + index.length + 1 : axis;
  return [...index.slice(0, at), fresh(shape?.[at] ?? '?'), ...index.slice(at)];
});

/** Rows put into a tensor: axes behind the coordinates are those of the rows; a coordinate counts features or is not known. */
const scattered = one((call) => {
  const { graph, node, inputs, fresh } = call;
  const [data, index, updates] = inputs;
  const count = shapeOf(graph, node.input[1] ?? '')?.at(-1);
  if (!data || !index || !updates || typeof count !== 'number') return null;
  return changed(data, (axis, i) => {
    if (i >= count) return meet(axis, updates[index.length - 1 + i - count] ?? []);
    return count === 1 ? countedAxis(axis, { rows: updates[0] ?? [], fresh }) : unknownAxis(axis);
  });
});

const scatteredElements = one((call) => {
  const { graph, node, inputs, fresh } = call;
  const [data, , updates] = inputs;
  const at = axisAttribute(call, 0);
  const [before, put] = [shapeOf(graph, node.input[0] ?? ''), shapeOf(graph, node.input[2] ?? '')];
  if (!data || !updates || at === null || before === null || put === null) return null;
  return changed(data, (axis, i) => {
    if (i === at) return countedAxis(axis, { rows: updates[i] ?? [], fresh });
    return before[i] === put[i] ? meet(axis, updates[i] ?? []) : unknownAxis(axis);
  });
});

function countedAxis(axis: Axis, { rows, fresh }: { readonly rows: Axis; readonly fresh: AxisCall['fresh'] }): Axis {
  const features = [...axis, ...rows].every(isFeature) && rows.length > 0;
  const [size] = axis.map((one) => one.size);
  return features && axis.length === 1 && size !== undefined ? fresh(size) : unknownAxis(axis);
}

function unknownAxis(axis: Axis): Axis {
  return axis.map(({ size }) => ({ label: UNKNOWN, size }));
}

function rules(names: string, rule: AxisRule): (readonly [string, AxisRule])[] {
  return names.split(' ').map((name) => [name, rule] as const);
}

const RULES: ReadonlyMap<string, AxisRule> = new Map([
  ...rules('Identity Cast CastLike Dropout Softmax LogSoftmax Hardmax CumSum Trilu Clip Not IsNaN IsInf Abs Neg', same),
  ...rules('Relu LeakyRelu Elu Selu Celu Gelu FastGelu QuickGelu Sigmoid HardSigmoid HardSwish Swish Mish', same),
  ...rules('Softplus Softsign Tanh Erf Exp Log Sqrt Reciprocal Floor Ceil Round Sign ThresholdedRelu', same),
  ...rules('Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh', same),
  ...rules('LayerNormalization RMSNormalization SimplifiedLayerNormalization GroupNormalization', same),
  ...rules('InstanceNormalization LpNormalization RotaryEmbedding QuantizeLinear DequantizeLinear', same),
  ...rules('DynamicQuantizeLinear BiasGelu', same),
  ...rules('Add Sub Mul Div Pow Mod Max Min Sum Mean Where And Or Xor Equal Greater GreaterOrEqual', elementwise),
  ...rules('Less LessOrEqual PRelu BitwiseAnd BitwiseOr BitwiseNot BitwiseXor', elementwise),
  ...rules('SkipLayerNormalization SkipSimplifiedLayerNormalization', same),
  ...rules('Transpose Reshape Flatten Squeeze Unsqueeze', regrouped),
  ...rules('Expand', expanded),
  ...rules('Tile', repeated),
  ...rules('Slice', sliced),
  ...rules('Split', split),
  ...rules('Pad', padded),
  ...rules('Concat', joined),
  ...rules('Gather', gathered),
  ...rules('GatherND', gatheredRows),
  ...rules('GatherElements', alongAxis(0)),
  ...rules('TopK', alongAxis(-1)),
  ...rules('ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSumExp', reduced),
  ...rules('ReduceSumSquare ReduceLogSum', reduced),
  ...rules('ArgMax ArgMin', reducedAxis),
  ...rules('OneHot', oneHot),
  ...rules('MatMul MatMulInteger FusedMatMul Einsum', one(product)),
  ...rules('MatMulNBits', one(projected)),
  ...rules('Gemm', one(gemm)),
  ...rules('Attention MultiHeadAttention GroupQueryAttention', one(attended)),
  ...rules('ScatterND', scattered),
  ...rules('ScatterElements', scatteredElements),
]);

/** All axes of a result of which nothing is known. */
export function unknownLayout(shape: readonly Dim[] | null): Layout | null {
  return shape === null ? null : layoutOf(UNKNOWN, shape);
}

/** The axes of a tensor that does not come from the ids. */
export function outsideLayout(shape: readonly Dim[] | null): Layout | null {
  return shape === null ? null : layoutOf(OUTSIDE, shape);
}

/** A layout that fits the sizes of its tensor: an axis that says otherwise is not known. */
export function fitting(layout: Layout, shape: readonly Dim[] | null): Layout | null {
  if (shape === null) return layout;
  if (shape.length !== layout.length) return null;
  return layout.map((axis, i) => {
    const size = shape[i] as Dim;
    const held = axis.every((atom) => typeof atom.size === 'number')
      ? axis.reduce((n, atom) => n * Number(atom.size), 1)
      : null;
    if (typeof size !== 'number' || held === null || held === size) return axis;
    return axis.length === 1 && !axis.some(isToken)
      ? [{ label: axis[0]?.label ?? UNKNOWN, size }]
      : axisOf(UNKNOWN, size);
  });
}
