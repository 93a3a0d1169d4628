// Types of all tensors of a foreign graph, in one pass in order: element type, symbolic shape, contents of small integer
// tensors. Never throws for what it does not know; what the operator table cannot tell, the file's own declarations tell.
// requires: an ordered graph. ensures: a tensor in the result has its true element type; sizes hold for every run that
// succeeds. Test: every tensor of every fixture model against what ONNX Runtime computes.
import { InputError } from '../../schemas/errors.js';
import { constantType } from './constant-type.js';
import { inferCall, type CallContext } from './operators/call.js';
import { OPERATORS, operatorName } from './operators/table.js';
import type { AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto } from './proto.js';
import { MAX_RANK, type Dim, type TensorType, type Value } from './shape.js';
import { evaluateDim, isUnknown } from './symbolic.js';
import { typeOfValueInfo } from './declared-type.js';

/** What inference knows besides the graph. */
export interface InferOptions {
  /** Numbers for names of axes. */
  readonly sizes?: Readonly<Record<string, number>>;
}

/** The types of all tensors of the model's graph by name; a tensor whose element type nothing tells is missing. */
export function inferTypes(model: ModelProto, options: InferOptions = {}): Map<string, Value> {
  const opset = model.opsetImport.find(({ domain = '' }) => ['', 'ai.onnx'].includes(domain))?.version ?? 20;
  let fresh = 0;
  const sizes = options.sizes ?? {};
  const scope: Scope = {
    types: new Map(),
    outer: null,
    opset,
    sizeOf: (dim) => evaluateDim(dim, sizes),
    unknownDim: () => `?f${fresh++}`,
    loops: 0,
  };
  if (model.graph) inferGraph(model.graph, scope, []);
  return scope.types;
}

/** Types of one graph and, behind it, those of the graphs around it. */
interface Scope {
  readonly types: Map<string, Value>;
  readonly outer: Scope | null;
  readonly opset: number;
  readonly sizeOf: CallContext['sizeOf'];
  readonly unknownDim: CallContext['unknownDim'];
  /** Loops around the graph. */
  readonly loops: number;
}

/** Within this many loops bodies are gone through twice; further in once, or nested loops would cost 2^depth. */
const FOLLOWED_LOOPS = 3;

function lookUp(scope: Scope, name: string): Value | null {
  for (let at: Scope | null = scope; at !== null; at = at.outer) {
    const value = at.types.get(name);
    if (value) return value;
  }
  return null;
}

/** Types of a graph's outputs; `given` are those of its inputs, where they are known from outside. */
function inferGraph(graph: GraphProto, scope: Scope, given: readonly (TensorType | null)[]): (TensorType | null)[] {
  const declared = new Map<string, ValueInfoProto>();
  for (const info of [...graph.valueInfo, ...graph.output]) declared.set(info.name ?? '', info);
  const set = (name: string, type: TensorType | null): void => {
    const info = declared.get(name);
    const merged = info ? merge(type, typeOfValueInfo(info, scope.unknownDim)) : type;
    if (!merged || name === '') return;
    const isLong = (merged.shape?.length ?? 0) > MAX_RANK;
    scope.types.set(name, isLong ? { dtype: merged.dtype, shape: null, name } : { ...merged, name });
  };
  graph.input.forEach((info, i) => {
    const own = typeOfValueInfo(info, scope.unknownDim);
    set(info.name ?? '', merge(given[i] ?? null, own));
  });
  for (const tensor of graph.initializer) set(tensor.name ?? '', constantType(tensor));
  for (const node of graph.node) {
    const types = typesOf(node, scope);
    node.output.forEach((name, i) => {
      set(name, types?.[i] ?? null);
    });
  }
  return graph.output.map((info) => lookUp(scope, info.name ?? ''));
}

/** Types of a node's outputs, or null where its row refuses it or an input is unknown. */
function typesOf(node: NodeProto, scope: Scope): readonly TensorType[] | null {
  const operator = operatorName(node);
  if (operator === null) return null;
  const inputs: (Value | null)[] = [];
  for (const name of node.input) {
    const value = name === '' ? null : lookUp(scope, name);
    if (name !== '' && value === null) return null;
    inputs.push(value);
  }
  const { opset, sizeOf, unknownDim } = scope;
  try {
    const bodies = inferBodies(node, inputs, scope);
    return inferCall(
      OPERATORS[operator],
      { node, inputs },
      {
        opset,
        sizeOf,
        unknownDim,
        lenient: true,
        bodyOutputs: (attribute) => bodies.get(attribute) ?? null,
      },
    );
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

type Bodies = ReadonlyMap<string, readonly (TensorType | null)[]>;
const NO_BODIES: Bodies = new Map();

function inferBodies(node: NodeProto, inputs: readonly (Value | null)[], scope: Scope): Bodies {
  const bodies = node.attribute.filter((attribute) => attribute.g !== undefined);
  if (bodies.length === 0) return NO_BODIES;
  return new Map(bodies.map((attribute) => [attribute.name ?? '', inferBody(node, inputs, { attribute, scope })]));
}

function inferBody(
  node: NodeProto,
  inputs: readonly (Value | null)[],
  { attribute, scope }: { attribute: AttributeProto; scope: Scope },
): (TensorType | null)[] {
  if (!attribute.g) return [];
  const graph = attribute.g;
  const loops = scope.loops + (node.opType === 'Loop' ? 1 : 0);
  const run = (given: readonly (TensorType | null)[]): (TensorType | null)[] =>
    inferGraph(graph, { ...scope, types: new Map(), outer: scope, loops }, given);
  if (node.opType !== 'Loop') return run(scanInputs(node, inputs, graph.input.length));
  // A carried tensor may change its shape from round to round: axes that one round changes are unknown in all.
  const [, , ...carried] = inputs;
  if (scope.loops >= FOLLOWED_LOOPS) {
    const open = carried.map((value) => value && { dtype: value.dtype, shape: null });
    return run([ITERATION, CONDITION, ...open]);
  }
  const first = run([ITERATION, CONDITION, ...carried.map(withoutValues)]);
  const stable = carried.map((value, i): TensorType | null => {
    const after = first[i + 1];
    if (!value || !after || after.shape?.length !== value.shape?.length)
      return value && { dtype: value.dtype, shape: null };
    const shape = value.shape?.map((dim, axis) => (after.shape?.[axis] === dim ? dim : scope.unknownDim()));
    return { dtype: value.dtype, shape: shape ?? null };
  });
  return run([ITERATION, CONDITION, ...stable]);
}

const ITERATION: TensorType = { dtype: 'int64', shape: [] };
const CONDITION: TensorType = { dtype: 'bool', shape: [] };

function withoutValues(value: Value | null): TensorType | null {
  return value && { dtype: value.dtype, shape: value.shape };
}

/** Types of a Scan body's inputs: states as they are, scanned inputs without their axis; none for other operators. */
function scanInputs(node: NodeProto, inputs: readonly (Value | null)[], count: number): (TensorType | null)[] {
  if (node.opType !== 'Scan' || inputs.length !== count) return [];
  const attribute = (name: string): AttributeProto | undefined => node.attribute.find((a) => a.name === name);
  const states = inputs.length - Number(attribute('num_scan_inputs')?.i ?? 0);
  const axes = attribute('scan_input_axes')?.ints.map(Number) ?? [];
  return inputs.map((value, i) => {
    if (!value || i < states) return withoutValues(value);
    const rank = value.shape?.length ?? 0;
    const given = axes[i - states] ?? 0;
    const axis = given < 0 ? given + rank : given;
    return { dtype: value.dtype, shape: value.shape?.filter((_, at) => at !== axis) ?? null };
  });
}

/** What inference knows, and where it knows nothing what the file declares. */
function merge(inferred: TensorType | null, declared: TensorType | null): TensorType | null {
  if (!inferred || !declared) return inferred ?? declared;
  if (!inferred.shape || !declared.shape) return { ...inferred, shape: inferred.shape ?? declared.shape };
  const { shape } = declared;
  if (shape.length !== inferred.shape.length || !inferred.shape.some(isOpen)) return inferred;
  const known = (dim: Dim, axis: number): Dim => (isOpen(dim) ? (shape[axis] ?? dim) : dim);
  return { ...inferred, shape: inferred.shape.map(known) };
}

/** A fresh unknown: cheap to see without parsing. */
function isOpen(dim: Dim): boolean {
  return typeof dim === 'string' && dim.startsWith('?') && isUnknown(dim);
}
