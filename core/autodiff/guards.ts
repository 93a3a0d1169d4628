// Where a rule must not multiply a cotangent of zero with a number that is none. A guard chooses finite values where an operator
// before it gives NaN or infinity (Where(IsNaN(p), 0, p), Where(x > 0, Log(x), 0)); the cotangent of what it did not choose is 0,
// and 0 · NaN is NaN, which would spread from there. Rules of the nodes found here give 0 where their cotangent is 0.
//
// 1. Risky, forwards: results of operators that have no finite value or slope somewhere (Log, Sqrt, Div, Exp …, unless their
//    operand is positive for certain), stored infinities, and what is computed from these, up to a Where of which one side is
//    not risky. 2. Zeroed, backwards: the sides of such a Where, and of Clip, Max and Min, a divisor that an exponential makes
//    infinite (x / (1 + e⁻ˣ): the quotient is 0, and so is its slope), and the risky tensors before them. A
//    product passes on the zeros of a Where alone, which may cover whole rows. 3. Guarded: nodes that make a zeroed tensor.
// Elsewhere no mask is added: most models have no such node.
import { readAttributes } from '../onnx/attributes.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import type { GraphProto, NodeProto, TensorProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { halfToFloat } from '../tensor/half.js';
import { Signs } from './positive.js';

export interface Guards {
  /** Whether the rule of a node must give 0 where its cotangent is 0. */
  isGuarded(node: NodeProto): boolean;
  /** Whether a tensor may hold NaN or infinity. */
  isRisky(tensor: string): boolean;
}

interface Options {
  readonly nodes: readonly NodeProto[];
  readonly graph: GraphProto;
  readonly scalars: ReadonlyMap<string, number>;
  readonly active: ReadonlySet<string>;
  readonly find: (tensor: string) => Value | null;
}

const PRODUCTS = new Set(['MatMul', 'Gemm', 'FusedMatMul', 'Einsum', 'Conv']);
const LIMITS = new Set(['Clip', 'Max', 'Min']);

/** The guarded nodes of a graph. */
export function findGuards(options: Options): Guards {
  const { nodes, graph, active } = options;
  const stored = storedInfinities(graph);
  const risky = riskyTensors(options, stored);
  /** Tensors whose cotangent may be 0 by choice: by a Where, or by a limit alone. */
  const zeroed = new Map<string, 'where' | 'limit'>();
  const zero = (tensor: string, by: 'where' | 'limit'): void => {
    if (active.has(tensor) && risky.has(tensor) && zeroed.get(tensor) !== 'where') zeroed.set(tensor, by);
  };
  const guarded = new Set<NodeProto>();
  const makers = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node] as const)));
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i] as NodeProto;
    const [operator, [first = '', yes = '', no = '']] = [node.opType ?? '', node.input];
    if (operator === 'Where') {
      if (!stored.has(no)) zero(yes, 'where');
      if (!stored.has(yes)) zero(no, 'where');
    }
    if (LIMITS.has(operator)) for (const name of operator === 'Clip' ? [first] : node.input) zero(name, 'limit');
    const divisor = operator === 'Div' ? yes : operator === 'Reciprocal' ? first : '';
    if (divisor !== '' && grows(makers, divisor)) zero(divisor, 'limit');
    const by = node.output.map((name) => zeroed.get(name));
    if (by.every((one) => one === undefined)) continue;
    guarded.add(node);
    const passed = by.includes('where') ? 'where' : 'limit';
    if (passed === 'where' || !PRODUCTS.has(operator)) for (const name of node.input) zero(name, passed);
  }
  return { isGuarded: (node) => guarded.has(node), isRisky: (tensor) => risky.has(tensor) };
}

function riskyTensors({ nodes, graph, scalars, active, find }: Options, stored: ReadonlySet<string>): Set<string> {
  const signs = new Signs(nodes, scalars);
  const risky = new Set(stored);
  const weights = new Set(graph.initializer.map(({ name }) => name));
  for (const { name = '' } of graph.input) {
    // A mask that is added may hold −∞; what is differentiated by does not.
    if (!weights.has(name) && !active.has(name) && isFloat(find(name))) risky.add(name);
  }
  for (const node of nodes) {
    const [, yes = '', no = ''] = node.input;
    const settled = node.opType === 'Where' && risky.has(yes) !== risky.has(no) && !stored.has(yes) && !stored.has(no);
    if (settled || !(hasPole(node, signs, scalars) || node.input.some((name) => risky.has(name)))) continue;
    for (const output of node.output) if (output !== '' && isFloat(find(output))) risky.add(output);
  }
  return risky;
}

const EXPONENTIALS = new Set(['Exp', 'Sinh', 'Cosh']);
const KEEPS_GROWTH = new Set(['Add', 'Sub', 'Sum', 'Mul', 'Neg', 'Identity', 'Cast']);
/** Longest way from a divisor to its exponential that is followed. */
const MAX_STEPS = 6;

/** Whether an exponential can make a tensor infinite. */
function grows(makers: ReadonlyMap<string, NodeProto>, tensor: string, steps = MAX_STEPS): boolean {
  const node = makers.get(tensor);
  if (node === undefined || steps === 0) return false;
  if (EXPONENTIALS.has(node.opType ?? '')) return true;
  return KEEPS_GROWTH.has(node.opType ?? '') && node.input.some((name) => grows(makers, name, steps - 1));
}

/** Whether an operator has no finite value or slope somewhere. */
function hasPole(node: NodeProto, signs: Signs, scalars: ReadonlyMap<string, number>): boolean {
  const [a = '', b = ''] = node.input;
  switch (node.opType) {
    case 'Log':
    case 'Sqrt':
    case 'Reciprocal':
      return !signs.isPositive(a);
    case 'Div':
      return !signs.isPositive(b) && !signs.isNonZero(b);
    case 'Pow': {
      const exponent = scalars.get(b);
      return !(exponent !== undefined && exponent >= 0 && Number.isInteger(exponent)) && !signs.isPositive(a);
    }
    case 'Exp':
    case 'Sinh':
    case 'Cosh':
      return true;
    case 'LayerNormalization':
    case 'RMSNormalization':
    case 'SimplifiedLayerNormalization':
      return readAttributes(node).float('epsilon', 1e-5) === 0;
    default:
      return false;
  }
}

/** Names of stored tensors that hold infinity or NaN among their first entries, and of what only repeats them. */
function storedInfinities({ initializer, node }: GraphProto): Set<string> {
  const found = new Set<string>();
  for (const tensor of initializer) if (holdsInfinity(tensor)) found.add(tensor.name ?? '');
  for (const { opType, attribute, input, output } of node) {
    const value = attribute.find(({ name }) => name === 'value')?.t;
    const makes = (opType === 'Constant' || opType === 'ConstantOfShape') && value && holdsInfinity(value);
    const repeats = (opType === 'Expand' || opType === 'Identity' || opType === 'Cast') && found.has(input[0] ?? '');
    if (makes || repeats) for (const name of output) found.add(name);
  }
  return found;
}

/** Entries that are looked at: a mask has its infinities in the first rows, and weights have none. */
const LOOKED_AT = 65_536;

function holdsInfinity({ dataType, rawData: raw, floatData, doubleData }: TensorProto): boolean {
  if (raw === undefined) return Array.from(floatData).some(isNoNumber) || Array.from(doubleData).some(isNoNumber);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const some = (bytes: number, at: (offset: number) => number): boolean => {
    const end = Math.min(LOOKED_AT, Math.floor(raw.length / bytes)) * bytes;
    for (let offset = 0; offset < end; offset += bytes) if (isNoNumber(at(offset))) return true;
    return false;
  };
  if (dataType === DATA_TYPE.float32) return some(4, (at) => view.getFloat32(at, true));
  if (dataType === DATA_TYPE.float64) return some(8, (at) => view.getFloat64(at, true));
  return dataType === DATA_TYPE.float16 && some(2, (at) => halfToFloat(view.getUint16(at, true)));
}

function isNoNumber(value: number): boolean {
  return !Number.isFinite(value);
}

function isFloat(value: Value | null): boolean {
  return value !== null && value.dtype.startsWith('float');
}
