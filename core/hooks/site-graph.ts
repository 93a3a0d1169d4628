// A graph as the resolver reads it: its index and what is known of its tensors' shapes, with the questions that several
// structures ask. Names of tensors decide nothing here.
import type { GraphIndex } from '../onnx/graph-index.js';
import { readAttributes } from '../onnx/attributes.js';
import { inferTypes } from '../onnx/infer.js';
import type { ModelProto, NodeProto } from '../onnx/proto.js';
import type { Dim, Value } from '../onnx/shape.js';
import { halfToFloat } from '../tensor/half.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import { constantTensor, integerValues } from '../onnx/tensor-values.js';
import { weightShape } from './embedding.js';

export interface SiteGraph {
  readonly index: GraphIndex;
  /** What inference knows of every tensor. */
  readonly types: ReadonlyMap<string, Value>;
}

/** The graph of a model with its inferred types. */
export function siteGraph(model: ModelProto, index: GraphIndex): SiteGraph {
  return { index, types: inferTypes(model) };
}

/** Operators that hand a tensor on unchanged in value, perhaps in another shape. */
export const PASS: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Dropout',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
]);

/** Matrix products. */
export const PRODUCTS: ReadonlySet<string> = new Set([
  'MatMul',
  'Gemm',
  'Einsum',
  'MatMulInteger',
  'QLinearMatMul',
  'MatMulNBits',
  'FusedMatMul',
  'Conv',
]);

/** The sizes of a tensor's axes; null where not even their number is known. */
export function shapeOf(graph: SiteGraph, tensor: string): readonly Dim[] | null {
  return graph.types.get(tensor)?.shape ?? null;
}

/** The node that makes a tensor; undefined for inputs and weights. */
export function producer(graph: SiteGraph, tensor: string): NodeProto | undefined {
  return graph.index.graph.node[graph.index.producerOf.get(tensor) ?? -1];
}

/** Whether a node is a matrix product of which one operand is a stored matrix. */
export function isProjection(graph: SiteGraph, node: NodeProto): boolean {
  if (!PRODUCTS.has(node.opType ?? '')) return false;
  return node.input.slice(0, 2).some((name) => weightShape(graph.index, name) !== null);
}

/** Integers of a constant tensor, or what inference knows of a computed one; null where unknown. */
export function integersOf(graph: SiteGraph, tensor: string): readonly number[] | null {
  const constant = constantTensor(graph.index, tensor);
  if (constant) return integerValues(constant);
  const values = graph.types.get(tensor)?.values;
  return values?.every((v) => typeof v === 'number') ? values : null;
}

/** A node's axes, as attribute or as second input; null where they are not known. */
export function axesOf(graph: SiteGraph, node: NodeProto): readonly number[] | null {
  const given = readAttributes(node).ints('axes');
  if (given) return given;
  const input = node.input[1] ?? '';
  return input === '' ? null : integersOf(graph, input);
}

/** Whether an axis is the last of a tensor's. */
export function isLastAxis(graph: SiteGraph, tensor: string, axis: number): boolean {
  if (axis === -1) return true;
  const rank = shapeOf(graph, tensor)?.length;
  return rank !== undefined && axis === rank - 1;
}

/** The tensor behind operators that change neither value nor shape. */
export function unwrap(graph: SiteGraph, tensor: string): string {
  return behind(graph, tensor, { through: SAME });
}

/** The tensor behind operators that change no value, at most as far back as `until`. */
export function originOf(graph: SiteGraph, tensor: string, until = ''): string {
  return behind(graph, tensor, { through: PASS, until });
}

function behind(
  graph: SiteGraph,
  tensor: string,
  { through, until = '' }: { readonly through: ReadonlySet<string>; readonly until?: string },
): string {
  let current = tensor;
  for (;;) {
    const node = current === until ? undefined : producer(graph, current);
    if (node === undefined || !through.has(node.opType ?? '')) return current;
    current = node.input[0] ?? '';
  }
}

const SAME: ReadonlySet<string> = new Set(['Identity', 'Cast', 'Dropout']);

/** The value of a stored tensor of one number; null where it is none. */
export function scalarOf(graph: SiteGraph, tensor: string): number | null {
  const stored = constantTensor(graph.index, unwrap(graph, tensor));
  if (stored === null || stored.externalData.length > 0) return null;
  if (stored.dims.reduce((a, b) => a * b, 1) !== 1) return null;
  const raw = stored.rawData;
  if (raw === undefined) {
    const [value] = [...stored.floatData, ...stored.doubleData, ...stored.int32Data, ...stored.int64Data.map(Number)];
    return value === undefined ? null : stored.dataType === DATA_TYPE.float16 ? halfToFloat(value) : value;
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  switch (stored.dataType) {
    case DATA_TYPE.float32:
      return raw.length < 4 ? null : view.getFloat32(0, true);
    case DATA_TYPE.float64:
      return raw.length < 8 ? null : view.getFloat64(0, true);
    case DATA_TYPE.float16:
      return raw.length < 2 ? null : halfToFloat(view.getUint16(0, true));
    case DATA_TYPE.bool:
      return raw[0] ?? null;
    default:
      return integerValues(stored)?.[0] ?? null;
  }
}
