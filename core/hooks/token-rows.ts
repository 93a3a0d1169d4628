// Which row of a table a token id takes, where a model changes ids before it looks them up: shifted, clipped, replaced. A tensor is
// read as a function of the id alone; what depends on anything else (positions, other tokens) is none, and no guess is made.
import { nodeAt, type GraphIndex } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
import { constantTensor, integerValues } from '../onnx/tensor-values.js';

/** The number (or truth as 1, 0) that a tensor has where the token id is `id`. */
export type IdFunction = (id: number) => number;

/** Ids that a table answers: from `first` up to, without, `end`. */
export interface IdRange {
  readonly first: number;
  readonly end: number;
}

/** Operators that hand ids on unchanged. */
const PASS_IDS = new Set(['Reshape', 'Cast', 'Identity', 'Unsqueeze', 'Squeeze', 'Flatten', 'Expand']);

type Two = (a: number, b: number) => number;
const OF_TWO: ReadonlyMap<string, Two> = new Map<string, Two>([
  ['Add', (a, b) => a + b],
  ['Sub', (a, b) => a - b],
  ['Max', Math.max],
  ['Min', Math.min],
  ['Equal', (a, b) => Number(a === b)],
  ['Less', (a, b) => Number(a < b)],
  ['LessOrEqual', (a, b) => Number(a <= b)],
  ['Greater', (a, b) => Number(a > b)],
  ['GreaterOrEqual', (a, b) => Number(a >= b)],
  ['And', (a, b) => Number(a !== 0 && b !== 0)],
  ['Or', (a, b) => Number(a !== 0 || b !== 0)],
]);

/** Whether an operator may stand between ids and the table. */
export function movesIds(operator: string): boolean {
  return PASS_IDS.has(operator) || OF_TWO.has(operator) || ['Clip', 'Where', 'Not'].includes(operator);
}

/** Longest way from a table back to the ids. */
const MAX_STEPS = 24;

/** A tensor as a function of the ids in `input`; null where it is none. A constant is the same for every id. */
export function idFunction(index: GraphIndex, tensor: string, input: string): IdFunction | null {
  const follow = (name: string, steps: number): IdFunction | null => {
    if (name === input) return (id) => id;
    const stored = constantTensor(index, name);
    if (stored) {
      const values = integerValues(stored) ?? [];
      const [only] = values;
      return values.length === 1 && only !== undefined ? () => only : null;
    }
    const producer = index.producerOf.get(name);
    if (producer === undefined || steps === 0) return null;
    const node = nodeAt(index.graph, producer);
    return functionOf(node, (i) => follow(node.input[i] ?? '', steps - 1));
  };
  return follow(tensor, MAX_STEPS);
}

function functionOf(node: NodeProto, operand: (i: number) => IdFunction | null): IdFunction | null {
  const operator = node.opType ?? '';
  const two = OF_TWO.get(operator);
  if (PASS_IDS.has(operator)) return operand(0);
  if (operator === 'ConstantOfShape') {
    // Without a value it is 0; one that is no whole number stands for no id.
    const filled = node.attribute.find(({ name }) => name === 'value')?.t;
    const value = filled ? integerValues(filled)?.[0] : 0;
    return value === undefined ? null : () => value;
  }
  const x = operand(0);
  if (x === null) return null;
  if (operator === 'Not') return (id) => Number(x(id) === 0);
  if (operator === 'Clip') {
    const [low, high] = [1, 2].map((i) => ((node.input[i] ?? '') === '' ? undefined : operand(i)));
    if (low === null || high === null) return null;
    return (id) => Math.min(Math.max(x(id), low?.(id) ?? -Infinity), high?.(id) ?? Infinity);
  }
  const y = operand(1);
  if (y === null) return null;
  if (two && node.input.length === 2) return (id) => two(x(id), y(id));
  const z = operator === 'Where' ? operand(2) : null;
  return z && ((id) => (x(id) !== 0 ? y(id) : z(id)));
}

/** Ids past the table's rows that are looked at for a shift. */
const LARGEST_SHIFT = 65_536;

/** The ids whose row is one of the table's; null where hardly any is: then the tensor picks rows by something else. */
export function idRange(rowOf: IdFunction, rows: number): IdRange | null {
  const isRow = (id: number): boolean => rowOf(id) >= 0 && rowOf(id) < rows;
  const last = rows + LARGEST_SHIFT;
  let first = 0;
  while (first <= LARGEST_SHIFT && !isRow(first)) first++;
  let end = first;
  let distinct = 0;
  for (let id = first; id < last && isRow(id); id++) {
    // Ids that a limit maps to one row are not tokens of their own.
    if (id > first && rowOf(id) === rowOf(id - 1)) continue;
    end = id + 1;
    distinct++;
  }
  return distinct > rows / 2 ? { first, end } : null;
}
