// How many positions a model can hold, where a learned position table is visible. It follows values, not names: a table whose
// row numbers grow with the position. Rotary and relative positions have no table and no limit that a graph shows.
//
// With L tokens the greatest row read is L + k: k = −1 for Range or a stored 0, 1, 2 …, 0 for a CumSum over a mask, plus the
// constants added on the way; a table of P rows therefore holds L ≤ P − 1 − k positions. A table that is cut by Slice from row c on
// holds P − c. Where positions are an input, which row the first one has is not in the graph (RoBERTa counts from 2): it is read
// from the table's rows, elsewhere.
import { nodeAt, type GraphIndex } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
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

/** The table that an input of positions picks rows from, and what is added to the numbers before. */
export interface PositionRows {
  /** The stored tensor; null where its rows cannot be told from here. */
  readonly table: string | null;
  readonly shift: number;
}

/** The table behind the sum before the first block whose rows a graph input of positions picks; null where there is none. */
export function positionRows(index: GraphIndex, intake: readonly ChainLink[]): PositionRows | null {
  let unknown = false;
  for (const operand of operandsOf(intake)) {
    const gather = gatherBehind(index, operand);
    if (gather === null) continue;
    const [table = '', numbers = ''] = gather.input;
    if (weightShape(index, table)?.length !== 2 || !isFromInput(index, numbers)) continue;
    const offset = rowOffset(index, numbers);
    if (offset !== null) return { table: storedName(index, table), shift: offset + 1 };
    unknown = true;
  }
  // Types of tokens may be picked by positions too; only where no table is counted through is nothing known.
  return unknown ? { table: null, shift: 0 } : null;
}

/** The Gather that an operand comes from unchanged, also where its rows are stored quantised. */
function gatherBehind(index: GraphIndex, operand: string): NodeProto | null {
  let tensor = operand;
  for (;;) {
    const producer = index.producerOf.get(tensor);
    if (producer === undefined) return null;
    const node = nodeAt(index.graph, producer);
    if (node.opType === 'Gather') return node;
    if (!PASS.has(node.opType ?? '') && node.opType !== 'DequantizeLinear') return null;
    tensor = node.input[0] ?? '';
  }
}

/** Whether numbers of rows are computed from a graph input of positions. */
function isFromInput(index: GraphIndex, tensor: string): boolean {
  const met = new Set([tensor]);
  for (const name of met) {
    if (index.inputs.has(name) && POSITION_INPUTS.includes(name)) return true;
    const producer = index.producerOf.get(name);
    if (producer === undefined) continue;
    const node = nodeAt(index.graph, producer);
    if (node.opType !== 'Shape' && node.opType !== 'Size') for (const input of node.input) met.add(input);
  }
  return false;
}

/** The stored float tensor that a table is, perhaps behind a Cast; null where it is turned or quantised. */
function storedName(index: GraphIndex, tensor: string): string | null {
  const stored = constantTensor(index, tensor);
  if (stored) return stored.name === undefined || stored.name === '' ? null : stored.name;
  const producer = index.producerOf.get(tensor);
  const node = producer === undefined ? undefined : nodeAt(index.graph, producer);
  return node?.opType === 'Cast' ? storedName(index, node.input[0] ?? '') : null;
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
    const sliced = node.opType === 'Slice' ? slicedPositions(index, node) : null;
    if (sliced !== null) return sliced;
    tensor = node.input[0] ?? '';
  }
}

/** Rows from the first that a Slice takes of a stored table on, [rows, d] or [1, rows, d]; null for other slices. */
function slicedPositions(index: GraphIndex, { input }: NodeProto): number | null {
  const [table = '', starts = '', ends = '', axes = '', steps = ''] = input;
  const shape = weightShape(index, table);
  const axis = (shape?.length ?? 0) - 2;
  if (shape === null || axis < 0 || axis > 1 || (axis === 1 && shape[0] !== 1)) return null;
  const first = scalar(index, starts);
  if (first === null || first < 0 || scalar(index, axes) !== axis || (scalar(index, steps) ?? 1) !== 1) return null;
  // A stored end is part of the model, not the length of the context.
  return scalar(index, ends) === null ? (shape[axis] ?? 0) - first : null;
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
