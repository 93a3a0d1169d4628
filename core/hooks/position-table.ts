// How many positions a model can hold, where a learned position table is visible. It follows values, not names: a table whose
// row numbers grow with the position. Rotary and relative positions have no table and no limit that a graph shows.
//
// With L tokens the greatest row read is L + k: k = −1 for Range or a stored 0, 1, 2 …, 0 for a CumSum over a mask, plus the
// constants added on the way; a table of P rows therefore holds L ≤ P − 1 − k positions.
import { nodeAt, type GraphIndex } from '../onnx/graph-index.js';
import { constantTensor, integerValues } from '../onnx/tensor-values.js';
import type { ChainLink } from './data-path.js';
import { weightShape } from './embedding.js';

const PASS = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Expand',
  'Flatten',
  'Slice',
  'Transpose',
]);

/** Names of graph inputs that hold positions. */
export const POSITION_INPUTS: readonly string[] = ['position_ids'];

/** Positions that the tables added between embedding and first block allow; null where none is visible. */
export function positionLimit(index: GraphIndex, intake: readonly ChainLink[]): number | null {
  let limit: number | null = null;
  for (const operand of operandsOf(intake)) {
    const rows = tablePositions(index, operand);
    if (rows !== null) limit = Math.min(limit ?? Infinity, rows);
  }
  return limit;
}

/** What a position table adds to the embedding: the tensor that is added, null where there is none or several. */
export function positionTable(index: GraphIndex, intake: readonly ChainLink[]): string | null {
  const added = intake
    .flatMap(({ node, region }) => [node, ...region])
    .filter((node) => node.opType === 'Add')
    .flatMap((node) => node.input)
    .filter((operand) => tablePositions(index, operand) !== null);
  return added.length === 1 ? (added[0] ?? null) : null;
}

function operandsOf(links: readonly ChainLink[]): string[] {
  return links.flatMap(({ node, region }) => [node, ...region].flatMap(({ input }) => input));
}

function tablePositions(index: GraphIndex, operand: string): number | null {
  let tensor = operand;
  for (;;) {
    const producer = index.producerOf.get(tensor);
    if (producer === undefined) return null;
    const node = nodeAt(index.graph, producer);
    if (node.opType === 'Gather') {
      const shape = weightShape(index, node.input[0] ?? '');
      const offset = rowOffset(index, node.input[1] ?? '');
      return shape?.length === 2 && offset !== null ? (shape[0] ?? 0) - 1 - offset : null;
    }
    if (!PASS.has(node.opType ?? '')) return null;
    tensor = node.input[0] ?? '';
  }
}

/** Longest way that is followed from a table's row numbers to where they come from. */
const MAX_STEPS = 32;

/** k of the header, or null where the values do not grow with the position. */
function rowOffset(index: GraphIndex, tensor: string, steps = MAX_STEPS): number | null {
  if (index.inputs.has(tensor)) return POSITION_INPUTS.includes(tensor) ? -1 : null;
  const constant = constantTensor(index, tensor);
  if (constant) return countingOffset(integerValues(constant) ?? []);
  const producer = index.producerOf.get(tensor);
  if (producer === undefined || steps === 0) return null;
  const node = nodeAt(index.graph, producer);
  const operand = (i: number): number | null => rowOffset(index, node.input[i] ?? '', steps - 1);
  const constantOperand = (i: number): number => scalar(index, node.input[i] ?? '') ?? 0;
  switch (node.opType) {
    case 'Range':
      return -1;
    case 'CumSum':
      return 0;
    case 'Add':
    case 'Sub': {
      const sign = node.opType === 'Add' ? 1 : -1;
      const left = operand(0);
      if (left !== null) return left + sign * constantOperand(1);
      const right = sign === 1 ? operand(1) : null;
      return right === null ? null : right + constantOperand(0);
    }
    case 'Mul':
      return operand(0) ?? operand(1);
    case 'Where':
      return operand(1) ?? operand(2);
    case 'Gather':
    case 'GatherElements':
      return operand(0);
    default:
      return PASS.has(node.opType ?? '') ? operand(0) : null;
  }
}

/** −1 for a stored 0, 1, 2 …; null for other constants. */
function countingOffset(values: readonly number[]): number | null {
  const first = values[0] ?? 0;
  return values.length > 1 && values.every((value, i) => value === first + i) ? first - 1 : null;
}

function scalar(index: GraphIndex, tensor: string): number | null {
  const constant = constantTensor(index, tensor);
  const values = constant && integerValues(constant);
  return values?.length === 1 ? (values[0] ?? null) : null;
}
