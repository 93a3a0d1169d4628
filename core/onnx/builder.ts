// Makes ONNX graphs that are checked while they are made: every value has an element type and named axes, every operator's row
// (operators/table.ts) says what it takes and gives. A wrong graph fails at the line that made it, not when a session loads it.
import { InputError } from '../../schemas/errors.js';
import { encodeModel, joinChunks } from './codec.js';
import { graphOf } from './cut.js';
import type { DataTypeName } from './data-type.js';
import { inferTypes } from './infer.js';
import { makeGraph, makeInt64, makeModel, makeNode, makeTensor, makeValueInfo } from './make.js';
import type { CallContext } from './operators/call.js';
import { claimNames } from './graph-names.js';
import { outputTypes } from './output-types.js';
import { refuseRace } from './racy-scatter.js';
import type { GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './proto.js';
import type { BuilderOptions, OperatorOptions, SharedNames } from './builder-options.js';
import { constantType } from './constant-type.js';
import { floatData, type FloatType } from './float-data.js';
import type { Dim, TensorType, Value } from './shape.js';
import { evaluateDim } from './symbolic.js';

/** The opset of graphs that we make; foreign graphs are upgraded to it first (passes/upgrade-opset.ts). */
export const OPSET = 20;

/** A graph under construction. */
export class GraphBuilder {
  readonly #name: string;
  readonly #shared: SharedNames;
  readonly #outer: GraphBuilder | null;
  readonly #values = new Map<string, Value>();
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #results: Value[] = [];
  #foreign: ModelProto | null = null;

  constructor(name: string, options: BuilderOptions = {}, outer: GraphBuilder | null = null) {
    this.#name = name;
    this.#outer = outer;
    this.#shared = outer
      ? outer.#shared
      : {
          names: new Set(),
          reserved: new Set(),
          sizes: options.sizes ?? {},
          float: options.float ?? 'float32',
          foreign: options.foreign ?? false,
          next: 0,
          unknown: 0,
          opset: OPSET,
          domains: new Set(),
          bodies: new WeakMap(),
        };
  }

  /**
   * A builder that appends to a foreign graph; each of its tensors is a value with its inferred type.
   * requires: an ordered single-assignment graph. Names of new values differ from all in the graph.
   */
  static over(model: ModelProto, options: BuilderOptions = {}): GraphBuilder {
    const graph = graphOf(model);
    const builder = new GraphBuilder(graph.name ?? 'graph', options);
    const shared = builder.#shared;
    builder.#foreign = model;
    const standard = model.opsetImport.find(({ domain = '' }) => ['', 'ai.onnx'].includes(domain));
    shared.opset = standard?.version ?? OPSET;
    claimNames(graph, shared.names);
    for (const [name, value] of inferTypes(model)) builder.#values.set(name, value);
    // One at a time: a graph may have more nodes than a call may have arguments.
    for (const node of graph.node) builder.#nodes.push(node);
    for (const initializer of graph.initializer) builder.#initializers.push(initializer);
    builder.#inputs.push(...graph.input);
    builder.#outputs.push(...graph.output);
    return builder;
  }

  /** Numbers behind named axes. */
  get sizes(): Readonly<Record<string, number>> {
    return this.#shared.sizes;
  }

  /** Type of scalars whose type is not said. */
  get float(): FloatType {
    return this.#shared.float;
  }

  /** The number behind a size, where it is known. */
  sizeOf(dim: Dim): number | null {
    return evaluateDim(dim, this.#shared.sizes);
  }

  /** A name that no value has, kept for the caller: it may be given to one value. */
  fresh(hint: string): string {
    const { names } = this.#shared;
    let name = hint;
    while (name === '' || names.has(name)) name = `${hint}_${this.#shared.next++}`;
    names.add(name);
    this.#shared.reserved.add(name);
    return name;
  }

  /** A graph for the body of a Loop, Scan or If; it sees the values of this graph. */
  subgraph(name: string): GraphBuilder {
    return new GraphBuilder(name, {}, this);
  }

  /** Declares an input. @throws InputError where the name is taken */
  input(name: string, dtype: DataTypeName, shape: readonly Dim[]): Value {
    this.#claim(name);
    this.#inputs.push(makeValueInfo(name, dtype, shape.map(this.#declared)));
    return this.#keep({ name, dtype, shape });
  }

  /** Adds a stored tensor. @throws InputError where its name is taken or its type unknown */
  initializer(tensor: TensorProto): Value {
    const name = tensor.name ?? '';
    const type = constantType(tensor);
    if (type === null)
      throw new InputError(
        `Expected an initializer of a known element type, "${name}" has ${tensor.dataType ?? 'none'}.`,
        { name, dataType: tensor.dataType },
      );
    this.#claim(name);
    this.#initializers.push(tensor);
    return this.#keep({ name, ...type });
  }

  /** A float scalar; equal ones are stored once. */
  scalar(value: number, dtype: FloatType = this.float): Value {
    return this.#constant(`${dtype} ${Object.is(value, -0) ? '-0' : value}`, (name) =>
      makeTensor(name, { dims: [], data: floatData(value, dtype) }),
    );
  }

  /** Zeros of a shape (an int64 list), made when the graph runs, so that the model stays small. */
  zeros(shape: Value): Value {
    const data = floatData(0, this.float);
    const attributes = this.float === 'float32' ? {} : { value: makeTensor('', { dims: [1], data }) };
    return this.op('ConstantOfShape', [shape], { attributes });
  }

  /** An int64 scalar. */
  integer(value: number): Value {
    return this.#constant(`integer ${value}`, (name) => makeInt64(name, value));
  }

  /** A one-dimensional int64 tensor. */
  integers(...values: number[]): Value {
    return this.#constant(`integers ${values.join(' ')}`, (name) => makeInt64(name, values));
  }

  /** The value of that name, of this graph or of one around it. @throws InputError where there is none */
  value(name: string): Value {
    const found = this.find(name);
    if (found !== null) return found;
    throw new InputError(`Expected a value of graph "${this.#name}", found none called "${name}".`, {
      graph: this.#name,
      name,
    });
  }

  /** The value of that name, of this graph or of one around it; null where there is none. */
  find(name: string): Value | null {
    return this.#values.get(name) ?? this.#outer?.find(name) ?? null;
  }

  /** Appends a node with one output. @throws InputError where the operator does not take these inputs */
  op(
    opType: string,
    inputs: readonly (Value | null)[],
    options: OperatorOptions & { readonly name?: string } = {},
  ): Value {
    const outputs = options.name === undefined ? 1 : [options.name];
    return this.ops(opType, inputs, { ...options, outputs })[0] as Value;
  }

  /** Appends a node with several outputs (their number, or their names). @throws InputError as `op` */
  ops(
    opType: string,
    inputs: readonly (Value | null)[],
    options: OperatorOptions & { readonly outputs: number | readonly string[] },
  ): Value[] {
    const { attributes = {}, domain, outputs } = options;
    if (!this.#shared.foreign) refuseRace(opType, attributes);
    const names =
      typeof outputs === 'number'
        ? Array.from({ length: outputs }, () => this.fresh(opType))
        : outputs.map((name) => (name === '' ? '' : this.#claim(name)));
    const input = inputs.map((value) => (value === null ? '' : this.#visible(value).name));
    while (input.at(-1) === '') input.pop();
    const node = makeNode(opType, {
      input,
      output: names,
      attributes,
      name: this.fresh(`${names[0] ?? opType}/node`),
      ...(domain === undefined ? {} : { domain }),
    });
    const call = { node, inputs: inputs.slice(0, input.length), context: this.#context(node) };
    const types = outputTypes(call, { shape: options.shape, declared: options.types });
    if (domain) this.#shared.domains.add(domain);
    this.#nodes.push(node);
    return names.map((name, i) => {
      const type = types[i] as TensorType;
      return name === '' ? { name, ...type } : this.#keep({ ...type, name });
    });
  }

  /** Declares a value as an output of this graph, under another name where one is given (by an Identity). */
  output(value: Value, name = value.name): Value {
    const given = name === value.name ? value : this.op('Identity', [value], { name });
    const { dtype, shape } = given;
    this.#results.push(given);
    this.#outputs.push(makeValueInfo(name, dtype, ...(shape === null ? [] : [shape.map(this.#declared)])));
    return given;
  }

  /** The graph as a message; for a foreign graph with what was appended. */
  toGraph(): GraphProto {
    const [node, initializer] = [this.#nodes, this.#initializers];
    const [input, output] = [this.#inputs, this.#outputs];
    if (this.#foreign) return { ...graphOf(this.#foreign), node, initializer, input, output };
    const graph = makeGraph({ name: this.#name, node, initializer, input, output });
    this.#shared.bodies.set(graph, [...this.#results]);
    return graph;
  }

  /** A whole model. */
  toModel(): ModelProto {
    const model = this.#foreign ? { ...this.#foreign, graph: this.toGraph() } : makeModel(this.toGraph(), OPSET);
    const known = new Set(model.opsetImport.map(({ domain = '' }) => domain));
    const added = [...this.#shared.domains].filter((domain) => !known.has(domain));
    const opsetImport = [...model.opsetImport, ...added.map((domain) => ({ domain, version: 1 }))];
    return { ...model, opsetImport };
  }

  /** A whole model's bytes. */
  toModelBytes(): Uint8Array {
    return joinChunks(encodeModel(this.toModel()));
  }

  #context(node: NodeProto): CallContext {
    const { bodies, opset } = this.#shared;
    return {
      opset,
      sizeOf: (dim) => this.sizeOf(dim),
      unknownDim: () => `?${this.#shared.unknown++}`,
      bodyOutputs: (name) => {
        const body = node.attribute.find((attribute) => attribute.name === name)?.g;
        return (body && bodies.get(body)) ?? null;
      },
    };
  }

  #constant(key: string, make: (name: string) => TensorProto): Value {
    const known = this.#findConstant(key);
    if (known) return known;
    const tensor = make(this.fresh('constant'));
    const type = constantType(tensor) as TensorType;
    this.#initializers.push(tensor);
    const value = this.#keep({ name: tensor.name ?? '', ...type });
    this.#constants.set(key, value);
    return value;
  }

  /** A constant of this graph or of one around it. */
  #findConstant(key: string): Value | undefined {
    const own = this.#constants.get(key);
    if (own || this.#outer === null) return own;
    return this.#outer.#findConstant(key);
  }

  #claim(name: string): string {
    const { names, reserved } = this.#shared;
    if (name === '' || (names.has(name) && !reserved.delete(name)))
      throw new InputError(`Expected a name that no value of graph "${this.#name}" has, got "${name}".`, {
        graph: this.#name,
        name,
      });
    names.add(name);
    return name;
  }

  #keep(value: Value): Value {
    this.#values.set(value.name, value);
    return value;
  }

  /** A value of this graph or around it. Values of a finished subgraph, or of another graph, are refused. */
  #visible(value: Value): Value {
    if (this.find(value.name) !== null) return value;
    throw new InputError(
      `Expected values of graph "${this.#name}" or of graphs around it, got "${value.name}" of another graph.`,
      { graph: this.#name, name: value.name },
    );
  }

  readonly #declared = (dim: Dim): number | string =>
    this.sizeOf(dim) ?? (typeof dim === 'string' && dim.startsWith('?') ? '' : dim);
}
