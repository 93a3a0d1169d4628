// Finds the token embedding: the rows of a weight table that token ids of a graph input pick. Known are a Gather or GatherND of the
// table, and its product with a one-hot of the ids; ids may be shifted, clipped or replaced before (token-rows.ts).
import { InputError } from '../../schemas/errors.js';
import { readAttributes } from '../onnx/attributes.js';
import { DATA_TYPE } from '../onnx/data-type.js';
import { nodeAt, type GraphIndex } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
import { constantTensor, integerValues } from '../onnx/tensor-values.js';
import { idFunction, idRange, movesIds, type IdFunction } from './token-rows.js';

export interface TokenEmbedding {
  /** Graph input with token ids. */
  readonly input: string;
  /** The lookup's place in the graph. */
  readonly node: number;
  /** Its output, [batch, pos, width]. */
  readonly tensor: string;
  /** The smallest id that has a row; 0 but where the model shifts ids. */
  readonly firstId: number;
  /** Ids are below this. */
  readonly vocab: number;
  readonly rows: number;
  readonly width: number;
}

/** Names under which exporters give token ids; only used where several inputs lead to embeddings. */
export const TOKEN_INPUTS: readonly string[] = ['input_ids', 'input_id', 'tokens', 'token_ids', 'ids'];

/** The token embedding. @throws InputError where none or several are found, with what was found. */
export function findEmbedding(index: GraphIndex): TokenEmbedding {
  const found: TokenEmbedding[] = [];
  const met: string[] = [];
  for (const info of index.graph.input) {
    const name = info.name ?? '';
    const type = info.type?.tensorType?.elemType;
    if (!index.inputs.has(name) || (type !== DATA_TYPE.int64 && type !== DATA_TYPE.int32)) continue;
    const { embedding, ends } = embeddingOf(index, name);
    if (embedding) found.push(embedding);
    else met.push(`"${name}" goes into ${ends.join(', ') || 'nothing'}`);
  }
  const named = TOKEN_INPUTS.map((name) => found.find((e) => e.input === name)).find((e) => e);
  const only = named ?? (found.length === 1 ? found[0] : undefined);
  if (only) return only;
  throw new InputError(found.length === 0 ? noEmbedding(index, met) : severalInputs(found), {
    inputs: [...index.inputs],
    embeddings: found.map((e) => e.input),
  });
}

function noEmbedding(index: GraphIndex, met: readonly string[]): string {
  const inputs = [...index.inputs].join(', ') || 'none';
  const expected =
    'Expected a token embedding: a stored table whose rows an input of token ids picks, by Gather, GatherND or a one-hot product, of ids that may be shifted, clipped or replaced';
  if (met.length === 0)
    return `${expected}; found no input of integers (inputs: ${inputs}). Export the model with input_ids as input, not with embeddings.`;
  return `${expected}; found none: ${met.join('; ')} (inputs: ${inputs}). Export the model with nn.Embedding over input_ids.`;
}

function severalInputs(found: readonly TokenEmbedding[]): string {
  return `Expected one input of token ids, found ${found.map((e) => e.input).join(', ')}. Name the one with tokens "input_ids" when exporting.`;
}

/** A table lookup: the table, and which of its rows an id picks. */
interface Lookup {
  readonly table: string;
  readonly rowOf: IdFunction;
}

/** The first lookup of ids as they are, else of changed ids, and the operators at which the ids' way ends. */
function embeddingOf(index: GraphIndex, input: string): { embedding: TokenEmbedding | null; ends: string[] } {
  const tensors = new Set([input]);
  const ends = new Set<string>();
  const found: TokenEmbedding[] = [];
  for (const tensor of tensors) {
    for (const consumer of index.consumersOf.get(tensor) ?? []) {
      const node = nodeAt(index.graph, consumer);
      const operator = node.opType ?? '';
      if (movesIds(operator) || operator === 'OneHot') for (const output of node.output) tensors.add(output);
      else if (operator !== 'Shape' && operator !== 'Size')
        ends.add(`${operator} "${node.name ?? node.output[0] ?? ''}"`);
      const lookup = lookupOf(index, node, { tensor, input });
      const shape = lookup && weightShape(index, lookup.table);
      if (!lookup || shape?.length !== 2) continue;
      const [rows = 0, width = 0] = shape;
      const range = idRange(lookup.rowOf, rows);
      if (range === null) continue;
      const { first: firstId, end: vocab } = range;
      const embedding = { input, node: consumer, tensor: node.output[0] ?? '', firstId, vocab, rows, width };
      if ([0, 1, rows - 1].every((id) => lookup.rowOf(id) === id)) return { embedding, ends: [] };
      found.push(embedding);
    }
  }
  // Of several tables that changed ids pick from, the largest: they may also pick a type, or a group of tokens.
  const rows = Math.max(...found.map((one) => one.rows));
  return { embedding: found.find((one) => one.rows === rows) ?? null, ends: [...ends] };
}

function lookupOf(
  index: GraphIndex,
  node: NodeProto,
  { tensor, input }: { readonly tensor: string; readonly input: string },
): Lookup | null {
  const [data = '', picked = ''] = node.input;
  const attributes = readAttributes(node);
  const isGather = node.opType === 'Gather' && attributes.int('axis', 0) === 0;
  const isGatherND = node.opType === 'GatherND' && attributes.int('batch_dims', 0) === 0 && endsInOne(index, picked);
  if ((isGather || isGatherND) && picked === tensor) {
    const rowOf = idFunction(index, picked, input);
    return rowOf && { table: data, rowOf };
  }
  if (node.opType !== 'MatMul' || data !== tensor) return null;
  const rowOf = hotRow(index, data, { table: picked, input });
  return rowOf && { table: picked, rowOf };
}

/** Whether the last axis of a tensor of indices was made by Unsqueeze, so that each index is one row's number. */
function endsInOne(index: GraphIndex, tensor: string): boolean {
  const producer = index.producerOf.get(tensor);
  const node = producer === undefined ? undefined : nodeAt(index.graph, producer);
  if (node?.opType === 'Cast' || node?.opType === 'Identity') return endsInOne(index, node.input[0] ?? '');
  return node?.opType === 'Unsqueeze' && newAxes(index, node).includes(-1);
}

/** The axes of an Unsqueeze; the last of three counts as −1, as ids have two axes. */
function newAxes(index: GraphIndex, node: NodeProto): number[] {
  const stored = constantTensor(index, node.input[1] ?? '');
  const axes = readAttributes(node).ints('axes') ?? (stored && integerValues(stored)) ?? [];
  return axes.map((axis) => (axis === 2 ? -1 : axis));
}

/** The row of a table that a one-hot tensor picks: Equal(ids, 0 … rows − 1), or OneHot(ids, rows, [0, 1]); null for other tensors. */
function hotRow(
  index: GraphIndex,
  tensor: string,
  { table, input }: { readonly table: string; readonly input: string },
): IdFunction | null {
  const producer = index.producerOf.get(tensor);
  if (producer === undefined) return null;
  const node = nodeAt(index.graph, producer);
  const [first = '', second = '', third = ''] = node.input;
  const rows = weightShape(index, table)?.[0] ?? 0;
  const idsOf = (name: string): IdFunction | null => idFunction(index, name, input);
  switch (node.opType) {
    case 'Cast':
    case 'Identity':
      return hotRow(index, first, { table, input });
    case 'OneHot':
      return readAttributes(node).int('axis', -1) === -1 && numberOf(index, second) === rows && isZeroOne(index, third)
        ? idsOf(first)
        : null;
    case 'Equal': {
      const [ids, numbers] = isCounting(index, second, rows) ? [first, second] : [second, first];
      return isCounting(index, numbers, rows) && endsInOne(index, ids) ? idsOf(ids) : null;
    }
    default:
      return null;
  }
}

function numbersOf(index: GraphIndex, tensor: string): readonly number[] {
  const stored = constantTensor(index, tensor);
  if (stored === null) return [];
  return integerValues(stored) ?? [...stored.floatData, ...rawFloats(stored.rawData, stored.dataType)];
}

function rawFloats(raw: Uint8Array | undefined, type: number | undefined): number[] {
  if (raw === undefined || type !== DATA_TYPE.float32 || raw.length > 8) return [];
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: Math.floor(raw.length / 4) }, (_, i) => view.getFloat32(4 * i, true));
}

function numberOf(index: GraphIndex, tensor: string): number | null {
  const values = numbersOf(index, tensor);
  return values.length === 1 ? (values[0] ?? null) : null;
}

function isZeroOne(index: GraphIndex, tensor: string): boolean {
  return numbersOf(index, tensor).join() === '0,1';
}

/** Whether a tensor holds 0, 1, … rows − 1, stored or by Range. */
function isCounting(index: GraphIndex, tensor: string, rows: number): boolean {
  const values = numbersOf(index, tensor);
  if (values.length > 0) return values.length === rows && values.every((value, i) => value === i);
  const producer = index.producerOf.get(tensor);
  const node = producer === undefined ? undefined : nodeAt(index.graph, producer);
  if (node?.opType === 'Unsqueeze' || node?.opType === 'Cast') return isCounting(index, node.input[0] ?? '', rows);
  return node?.opType === 'Range' && node.input.map((name) => numberOf(index, name)).join() === `0,${rows},1`;
}

/** Operators behind which a weight is still a weight of the same values, or of the same values turned. */
const PASS_WEIGHTS = new Set(['Identity', 'Cast', 'DequantizeLinear', 'Transpose']);

/** The shape of a tensor that is a weight, also behind Identity, Cast, DequantizeLinear or a 2-D Transpose; else null. */
export function weightShape(index: GraphIndex, tensor: string): readonly number[] | null {
  let turned = false;
  let current = tensor;
  for (;;) {
    const stored = constantTensor(index, current);
    if (stored) return turned ? turnedShape(stored.dims) : stored.dims;
    const producer = index.producerOf.get(current);
    const node = producer === undefined ? undefined : nodeAt(index.graph, producer);
    if (node === undefined || !PASS_WEIGHTS.has(node.opType ?? '')) return null;
    turned = turned !== (node.opType === 'Transpose');
    current = node.input[0] ?? '';
  }
}

function turnedShape(dims: readonly number[]): readonly number[] | null {
  return dims.length === 2 ? [...dims].reverse() : null;
}
