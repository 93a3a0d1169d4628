// Which tensors of a graph are positive (or at least not negative) whatever the inputs: divisors and roots with an epsilon, sizes.
// Sure, or no answer: what is not seen to be so counts as anything.
import type { NodeProto } from '../onnx/proto.js';

type Sign = 'positive' | 'notNegative';

/** Operators whose result has the sign of what they read first. */
const SAME_SIGN = new Set([
  ...['Identity', 'Cast', 'CastLike', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose', 'Expand', 'Tile'],
  ...[
    'Slice',
    'Gather',
    'GatherND',
    'GatherElements',
    'ReduceMean',
    'ReduceSum',
    'ReduceMax',
    'ReduceMin',
    'ReduceProd',
  ],
  ...['Sqrt', 'Reciprocal'],
]);
const NEVER_NEGATIVE = new Set([
  ...[
    'Abs',
    'Relu',
    'Exp',
    'Sigmoid',
    'Softmax',
    'Softplus',
    'ReduceSumSquare',
    'ReduceL1',
    'ReduceL2',
    'Shape',
    'Size',
  ],
]);
/** Longest chain that is followed. */
const MAX_DEPTH = 24;

export class Signs {
  readonly #makers = new Map<string, NodeProto>();
  readonly #scalars: ReadonlyMap<string, number>;

  constructor(nodes: readonly NodeProto[], scalars: ReadonlyMap<string, number>) {
    for (const node of nodes) for (const output of node.output) this.#makers.set(output, node);
    this.#scalars = scalars;
  }

  /** Whether no entry of a tensor is 0 or less. */
  isPositive(tensor: string): boolean {
    return this.#has('positive', tensor, MAX_DEPTH);
  }

  /** Whether it is a stored number other than 0. */
  isNonZero(tensor: string): boolean {
    const value = this.#scalars.get(tensor);
    return value !== undefined && value !== 0 && Number.isFinite(value);
  }

  #has(sign: Sign, tensor: string, depth: number): boolean {
    const value = this.#scalars.get(tensor);
    if (value !== undefined) return sign === 'positive' ? value > 0 : value >= 0;
    const node = this.#makers.get(tensor);
    if (node === undefined || depth === 0) return false;
    const { opType = '', input } = node;
    const [a = '', b = ''] = input;
    const has = (name: string, wanted: Sign = sign): boolean => this.#has(wanted, name, depth - 1);
    // Sizes are at least 0, and a tensor without entries has none that could be divided.
    if (opType === 'Shape' || opType === 'Size') return true;
    if (SAME_SIGN.has(opType)) return has(a);
    if (sign === 'notNegative' && NEVER_NEGATIVE.has(opType)) return true;
    switch (opType) {
      case 'Add':
      case 'Sum':
        return (
          input.every((name) => has(name, 'notNegative')) && (sign === 'notNegative' || input.some((name) => has(name)))
        );
      case 'Max':
        return input.some((name) => has(name));
      case 'Clip':
        return b !== '' && has(b);
      case 'Mul':
        return (sign === 'notNegative' && a === b) || (has(a) && has(b));
      case 'Div':
        return has(a) && has(b, 'positive');
      case 'Pow':
        return has(a) || (sign === 'notNegative' && (this.#scalars.get(b) ?? 1) % 2 === 0);
      default:
        return false;
    }
  }
}
