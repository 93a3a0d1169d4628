// Recognises normalisations: operators, and the forms that exporters decompose them into. Says where scale and normalised value
// are; a norm of an unknown form is no norm here.
//
//   c = x − mean(x)  (or c = x)      s = sqrt(mean(c²) + eps)      normalized = c / s      [gain, bias follow]
//   eps may be left out (0).
//   s appears as Sqrt(v), or only as Pow(v, −0.5);  c / s as Div(c, s), c · Reciprocal(s), c · (1 / s), c · Pow(v, −0.5).
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';
import type { ChainLink } from './data-path.js';
import { axesOf, isLastAxis, producer, scalarOf, unwrap, type SiteGraph } from './site-graph.js';

/** A norm over the last axis. */
export interface Norm {
  /** What it reads. */
  readonly input: string;
  /** Its place in the graph, of the operator or of the last node of the decomposed form. */
  readonly node: NodeProto;
  readonly centred: boolean;
  readonly eps: number;
  /** Null: an operator, whose inside is no tensor. */
  readonly parts: {
    readonly normalized: string;
    /** The tensor of s, or of 1 / s. */
    readonly scale: string;
    readonly inverse: boolean;
  } | null;
}

/** Operators that norm over the last axes, and whether they take the mean away. */
export const NORM_OPERATORS: ReadonlyMap<string, boolean> = new Map([
  ['LayerNormalization', true],
  ['SimplifiedLayerNormalization', false],
  ['RMSNormalization', false],
]);

/** The norm that a link of a path ends; null where it ends none. */
export function normOf(graph: SiteGraph, { node, tensor }: ChainLink): Norm | null {
  const centred = NORM_OPERATORS.get(node.opType ?? '');
  if (centred === undefined) return decomposedNorm(graph, node, tensor);
  const attributes = readAttributes(node);
  const input = node.input[0] ?? '';
  if (!isLastAxis(graph, input, attributes.int('axis', -1))) return null;
  return { input, node, centred, eps: attributes.float('epsilon', 1e-5), parts: null };
}

/** Where 1 / s comes from. */
interface Scale {
  readonly variance: string;
  readonly tensor: string;
  readonly inverse: boolean;
}

function decomposedNorm(graph: SiteGraph, node: NodeProto, normalized: string): Norm | null {
  const [a = '', b = ''] = node.input;
  const pairs: [string, Scale | null][] =
    node.opType === 'Div'
      ? [[a, rootScale(graph, b)]]
      : node.opType === 'Mul'
        ? [
            [a, inverseScale(graph, b)],
            [b, inverseScale(graph, a)],
          ]
        : [];
  for (const [values, scale] of pairs) {
    const read = scale && readBy(graph, values, scale);
    if (!read) continue;
    const { tensor, inverse } = scale;
    return { ...read, node, parts: { normalized, scale: tensor, inverse } };
  }
  return null;
}

/** s as Sqrt(v). */
function rootScale(graph: SiteGraph, tensor: string): Scale | null {
  const at = unwrap(graph, tensor);
  const node = producer(graph, at);
  if (node?.opType === 'Sqrt') return { variance: node.input[0] ?? '', tensor: at, inverse: false };
  const isRoot = node?.opType === 'Pow' && scalarOf(graph, node.input[1] ?? '') === 0.5;
  return isRoot ? { variance: node.input[0] ?? '', tensor: at, inverse: false } : null;
}

/** 1 / s as Reciprocal(s), 1 / s or Pow(v, −0.5). */
function inverseScale(graph: SiteGraph, tensor: string): Scale | null {
  const at = unwrap(graph, tensor);
  const node = producer(graph, at);
  if (node?.opType === 'Reciprocal') return rootScale(graph, node.input[0] ?? '');
  if (node?.opType === 'Div' && scalarOf(graph, node.input[0] ?? '') === 1)
    return rootScale(graph, node.input[1] ?? '');
  const isRoot = node?.opType === 'Pow' && scalarOf(graph, node.input[1] ?? '') === -0.5;
  return isRoot ? { variance: node.input[0] ?? '', tensor: at, inverse: true } : null;
}

/** What a norm reads, given the values that it divides and its scale; null where the scale is not theirs. */
function readBy(graph: SiteGraph, values: string, { variance }: Scale): Pick<Norm, 'input' | 'centred' | 'eps'> | null {
  const sum = producer(graph, unwrap(graph, variance));
  // Without an addition there is no epsilon.
  const isAdded = sum?.opType === 'Add';
  const eps = isAdded ? (scalarOf(graph, sum.input[1] ?? '') ?? scalarOf(graph, sum.input[0] ?? '')) : 0;
  const mean = isAdded ? sum.input.find((name) => scalarOf(graph, name) === null) : variance;
  const squared = mean === undefined ? null : meanOf(graph, mean);
  const centre = squared === null ? null : squareOf(graph, squared);
  if (eps === null || centre === null || !sameValue(graph, centre, values)) return null;
  const difference = producer(graph, unwrap(graph, values));
  const taken = difference?.opType === 'Sub' ? meanOf(graph, difference.input[1] ?? '') : null;
  const whole = unwrap(graph, difference?.input[0] ?? '');
  const centred = taken !== null && unwrap(graph, taken) === whole;
  return { input: centred ? whole : unwrap(graph, values), centred, eps };
}

/** The tensor whose mean over the last axis this is. */
function meanOf(graph: SiteGraph, tensor: string): string | null {
  const node = producer(graph, unwrap(graph, tensor));
  if (node?.opType !== 'ReduceMean' || readAttributes(node).int('keepdims', 1) !== 1) return null;
  const axes = axesOf(graph, node);
  const input = node.input[0] ?? '';
  return axes?.length === 1 && isLastAxis(graph, input, axes[0] ?? 0) ? input : null;
}

function squareOf(graph: SiteGraph, tensor: string): string | null {
  const node = producer(graph, unwrap(graph, tensor));
  const [a = '', b = ''] = node?.input ?? [];
  if (node?.opType === 'Pow') return scalarOf(graph, b) === 2 ? a : null;
  return node?.opType === 'Mul' && sameValue(graph, a, b) ? a : null;
}

/** Whether two tensors are one, or made by equal nodes of one. */
function sameValue(graph: SiteGraph, a: string, b: string): boolean {
  const [left, right] = [unwrap(graph, a), unwrap(graph, b)];
  if (left === right) return true;
  const [one, two] = [producer(graph, left), producer(graph, right)];
  if (one === undefined || two === undefined || one.opType !== two.opType) return false;
  return (
    one.opType === 'Sub' &&
    one.input.every(
      (name, i) =>
        unwrap(graph, name) === unwrap(graph, two.input[i] ?? '') ||
        (meanOf(graph, name) !== null && meanOf(graph, name) === meanOf(graph, two.input[i] ?? '')),
    )
  );
}
