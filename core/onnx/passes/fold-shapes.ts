// The model without the plumbing of shapes: constants are stored tensors, sizes that are known are numbers, aliases are gone.
// requires: an ordered single-assignment graph. ensures: the same outputs for all inputs that the model accepts; every kept
// node is needed by an output; names of kept tensors stay. Weights are neither read nor copied.
import { graphOf } from '../cut.js';
import type { DataTypeName } from '../data-type.js';
import { inferTypes, type InferOptions } from '../infer.js';
import { makeTensor } from '../make.js';
import type { ModelProto, NodeProto, TensorProto } from '../proto.js';
import type { Dim, Value } from '../shape.js';
import { sameShape } from '../broadcast.js';
import { IntegerPool } from './integer-pool.js';
import { namesOf } from './map-nodes.js';
import { pruneGraph } from './prune.js';
import { renameConsumers } from './rename-consumers.js';

/**
 * The folded model.
 * 1. A Constant node with a tensor becomes an initializer of its output's name.
 * 2. A node with one output whose integer contents are known becomes an initializer, where they are all numbers.
 * 3. An Identity, a Cast to the type and a Reshape or Expand to the shape that is there already, goes: its readers read
 *    what it reads.
 * 4. A Reshape whose target is known but for one axis, other axes being numbers or axes of its input at the same place,
 *    reads a stored target with 0 and -1.
 * 5. What no output needs any more goes.
 * Nodes whose outputs the graph declares as outputs stay. Bodies of control flow are not folded; they read the new names.
 */
export function foldShapes(model: ModelProto, options: InferOptions = {}): ModelProto {
  const graph = graphOf(model);
  const types = inferTypes(model, options);
  const declared = new Set(graph.output.map((info) => info.name ?? ''));
  const targets = new IntegerPool('shape', namesOf(graph));
  const aliases = new Map<string, string>();
  const initializer = [...graph.initializer];
  const node = graph.node.flatMap((old): NodeProto[] => {
    const [output = '', ...others] = old.output;
    if (declared.has(output) || others.length > 0 || output === '') return [withStoredTarget(old, types, targets)];
    const stored = constantOf(old, types.get(output));
    if (stored) initializer.push(stored);
    else if (isAlias(old, types)) {
      const source = old.input[0] ?? '';
      aliases.set(output, aliases.get(source) ?? source);
    } else return [withStoredTarget(old, types, targets)];
    return [];
  });
  const folded = { ...graph, node, initializer: [...initializer, ...targets.tensors] };
  return { ...model, graph: pruneGraph(renameConsumers(folded, aliases)) };
}

/** Contents of the node's output as a stored tensor, or null. */
function constantOf(node: NodeProto, value: Value | undefined): TensorProto | null {
  const name = node.output[0] ?? '';
  if (node.opType === 'Constant' && (node.domain ?? '') === '') {
    const tensor = node.attribute.find((attribute) => attribute.name === 'value')?.t;
    if (tensor) return { ...tensor, name };
  }
  const numbers = value?.values?.filter((v) => typeof v === 'number');
  if (!value?.shape || !numbers || numbers.length !== value.values?.length) return null;
  const dims = value.shape.length === 0 ? [] : [numbers.length];
  const data = integerArray(value.dtype, numbers);
  return data && makeTensor(name, { dims, data, dtype: value.dtype });
}

function integerArray(dtype: DataTypeName, numbers: readonly number[]) {
  if (!numbers.every(Number.isSafeInteger)) return null;
  if (dtype === 'int64') return BigInt64Array.from(numbers, BigInt);
  if (dtype === 'int32') return Int32Array.from(numbers);
  return dtype === 'bool' ? Uint8Array.from(numbers) : null;
}

/** Whether the node only hands its input on. */
function isAlias(node: NodeProto, types: ReadonlyMap<string, Value>): boolean {
  if (node.opType === 'Identity') return true;
  const [from, to] = [types.get(node.input[0] ?? ''), types.get(node.output[0] ?? '')];
  if (!from || !to) return false;
  if (node.opType === 'Cast') return from.dtype === to.dtype;
  if (!from.shape || !to.shape || !sameShape(from.shape, to.shape)) return false;
  if (node.opType === 'Reshape') return true;
  // Sizes that broadcast to the same name may differ in fact: every wanted size must be the axis's own, or 1.
  const wanted = types.get(node.input[1] ?? '')?.values;
  if (node.opType !== 'Expand' || !wanted) return false;
  const { shape } = from;
  return wanted.every((dim, i) => dim === 1 || dim === shape[i - wanted.length + shape.length]);
}

function withStoredTarget(node: NodeProto, types: ReadonlyMap<string, Value>, targets: IntegerPool): NodeProto {
  if (node.opType !== 'Reshape' || node.attribute.some((a) => a.name === 'allowzero')) return node;
  const [data = '', target = ''] = node.input;
  const from = types.get(data)?.shape;
  const to = types.get(target)?.values;
  const numbers = from && to && targetNumbers(from, to);
  return numbers ? { ...node, input: [data, targets.name(numbers)] } : node;
}

/** The target with 0 for axes that stay at their place and -1 for at most one other; null where more are open. */
function targetNumbers(from: readonly Dim[], to: readonly Dim[]): number[] | null {
  const numbers = to.map((dim, axis) => {
    if (typeof dim === 'number') return dim;
    return dim === from[axis] ? 0 : -1;
  });
  const open = numbers.filter((n) => n === -1).length;
  const plain = to.every((dim) => typeof dim === 'number');
  return open > 1 || plain || to.includes(0) ? null : numbers;
}
