// What must hold of a model from a stranger before anything relies on it: names are short, stored tensors have the data that
// their shapes tell, attributes are named once, functions do not call each other in a circle and stay small when they are
// expanded. Order and single assignment are checked by graph-index.ts, what lies outside the file by external-data.ts.
import { InputError } from '../../schemas/errors.js';
import { EXTERNAL } from './external-data.js';
import type { FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto } from './proto.js';
import { shownName } from './shown-name.js';
import { elementCount, storedBytes } from './stored-size.js';
import { walkModel, walkNode } from './walk.js';

/** Most nodes that a model may have once its functions are expanded. */
const MAX_EXPANDED_NODES = 4_000_000;

/** Longest name of a tensor, node, operator, attribute or input, in characters. */
const MAX_NAME = 4096;

/** Resolves nothing; a model that passes can be handed to passes and to ONNX Runtime. @throws InputError naming what is wrong */
export function checkModel(model: ModelProto): void {
  walkModel(model, { graph: checkGraphNames, tensor: checkTensor, node: checkNode });
  checkFunctions(model);
}

/** Lists of numbers by the element types that they may hold (onnx.proto, TensorProto). */
const LISTS = [
  { list: 'floatData', types: new Set([1, 14]) },
  { list: 'int32Data', types: new Set([2, 3, 4, 5, 6, 9, 10, 16, 17, 18, 19, 20, 24]) },
  { list: 'stringData', types: new Set([8]) },
  { list: 'int64Data', types: new Set([7]) },
  { list: 'doubleData', types: new Set([11, 15]) },
  { list: 'uint64Data', types: new Set([12, 13]) },
] as const;
/** Complex numbers take two entries each. */
const COMPLEX = new Set([14, 15]);

function checkTensor(tensor: TensorProto): void {
  const type = tensor.dataType ?? 0;
  if (tensor.dataLocation === EXTERNAL) return;
  const count = elementCount(tensor);
  const raw = tensor.rawData;
  if (raw !== undefined) {
    const bytes = storedBytes(tensor);
    if (bytes === null || raw.length === bytes) return;
    throw wrongData(tensor, `${bytes} bytes of raw data`, String(raw.length));
  }
  const row = LISTS.find(({ types }) => types.has(type));
  if (row === undefined) return;
  const wanted = COMPLEX.has(type) ? 2 * count : count;
  const found = tensor[row.list].length;
  if (found !== wanted) throw wrongData(tensor, `${wanted} entries`, String(found));
}

function checkGraphNames({ name, input, output, initializer }: GraphProto): void {
  checkName(name);
  for (const named of [input, output, initializer]) for (const item of named) checkName(item.name);
}

function checkNode(node: NodeProto): void {
  checkName(node.name);
  checkName(node.opType);
  checkName(node.domain);
  for (const name of node.input) checkName(name);
  for (const name of node.output) checkName(name);
  for (const { name } of node.attribute) checkName(name);
  checkAttributes(node);
}

function checkName(name = ''): void {
  if (name.length <= MAX_NAME) return;
  throw new InputError(
    `Expected names of at most ${MAX_NAME} characters, found "${shownName(name)}". The file is damaged: export it anew.`,
    { name: shownName(name) },
  );
}

function checkAttributes(node: NodeProto): void {
  if (node.attribute.length < 2) return;
  const names = new Set<string>();
  for (const { name = '' } of node.attribute) {
    if (names.has(name)) {
      throw new InputError(
        `Expected every attribute once, node "${shownName(node.name ?? '')}" (${shownName(node.opType ?? '')}) has "${shownName(name)}" twice. The file is damaged: export it anew.`,
        { node: shownName(node.name ?? ''), attribute: shownName(name) },
      );
    }
    names.add(name);
  }
}

/**
 * 1. Count for every function which functions its nodes call, subgraphs included. 2. Take functions whose callees all have a
 * size (Kahn's order); size = Σ over nodes of 1 + size of what it calls. 3. What is left over calls itself in a circle.
 */
function checkFunctions(model: ModelProto): void {
  if (model.functions.length === 0) return;
  const calls = new Map(model.functions.map((f) => [keyOf(f.domain, f.name, f.overload), callsOf(f.node)]));
  const callers = new Map<string, string[]>();
  const waiting = new Map<string, number>();
  for (const [caller, { callees }] of calls) {
    const known = [...callees.keys()].filter((callee) => calls.has(callee));
    waiting.set(caller, known.length);
    for (const callee of known) callers.set(callee, [...(callers.get(callee) ?? []), caller]);
  }
  const sizes = new Map<string, number>();
  const ready = [...waiting].filter(([, count]) => count === 0).map(([name]) => name);
  const sizeOf = ({ nodes, callees }: Calls): number =>
    [...callees].reduce((sum, [callee, times]) => sum + times * (sizes.get(callee) ?? 0), nodes);
  for (let name = ready.pop(); name !== undefined; name = ready.pop()) {
    sizes.set(name, sizeOf(calls.get(name) as Calls));
    for (const caller of callers.get(name) ?? []) {
      const left = (waiting.get(caller) ?? 0) - 1;
      waiting.set(caller, left);
      if (left === 0) ready.push(caller);
    }
  }
  const circular = [...calls.keys()].find((name) => !sizes.has(name));
  if (circular !== undefined)
    throw badFunctions(`function "${shownName(circular)}" calls itself, directly or through others`);
  const total = sizeOf(callsOf(model.graph?.node ?? []));
  if (total > MAX_EXPANDED_NODES)
    throw badFunctions(`${total} nodes once functions are expanded, more than ${MAX_EXPANDED_NODES}`);
}

interface Calls {
  readonly nodes: number;
  /** How often each operator that may be a function is used. */
  readonly callees: ReadonlyMap<string, number>;
}

function callsOf(nodes: FunctionProto['node']): Calls {
  const callees = new Map<string, number>();
  let count = 0;
  const visit = ({ domain, opType, overload }: NodeProto): void => {
    const key = keyOf(domain, opType, overload);
    callees.set(key, (callees.get(key) ?? 0) + 1);
    count++;
  };
  for (const node of nodes) walkNode(node, { node: visit });
  return { nodes: count, callees };
}

function keyOf(domain = '', name = '', overload = ''): string {
  const place = domain === '' || domain === 'ai.onnx' ? name : `${domain}.${name}`;
  return overload === '' ? place : `${place}:${overload}`;
}

function wrongData(tensor: TensorProto, expected: string, found: string): InputError {
  const name = shownName(tensor.name ?? '');
  const shape = `[${tensor.dims.slice(0, 8).join(', ')}]`;
  return new InputError(
    `Expected ${expected} in tensor "${name}" of type ${tensor.dataType ?? 0} and shape ${shape}, found ${found}. The file is damaged or was cut short: copy it again or export it anew.`,
    { tensor: name, expected, found },
  );
}

function badFunctions(found: string): InputError {
  return new InputError(
    `Expected functions that can be expanded into the graph, found ${found}. Export the model without functions (export_modules_as_functions=False).`,
    { found },
  );
}
