// A small maker of ONNX graphs for the autoencoder: names values, nests subgraphs, emits a model. It knows nothing of
// training and checks no shapes; a wrong graph fails when the session loads it, and the tests load every graph.
import { encodeModel, joinChunks } from '../onnx/codec.js';
import {
  type AttributeValue,
  makeGraph,
  makeInt64,
  makeModel,
  makeNode,
  makeTensor,
  makeValueInfo,
} from '../onnx/make.js';
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from '../onnx/proto.js';

export type ElementType = 'float32' | 'int32' | 'int64' | 'bool';
/** A fixed size, or the name of a size that is known when the graph runs. */
export type Dimension = number | string;

export interface OperatorOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Names of the outputs; one fresh name where left out. */
  readonly outputs?: readonly string[];
}

/** A graph under construction. Values are named by strings; a subgraph sees the values of the graph around it. */
export class GraphBuilder {
  readonly #name: string;
  readonly #names: { next: number };
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #constants = new Map<string, string>();

  constructor(name: string, names = { next: 0 }) {
    this.#name = name;
    this.#names = names;
  }

  /** A graph for a body of `Loop` or `If`, with names that differ from all names here. */
  subgraph(name: string): GraphBuilder {
    return new GraphBuilder(name, this.#names);
  }

  /** A name that no other value has. */
  fresh(hint: string): string {
    return `${hint}_${this.#names.next++}`;
  }

  /** Declares an input; its name. */
  input(name: string, type: ElementType, dimensions: readonly Dimension[]): string {
    this.#inputs.push(makeValueInfo(name, type, dimensions));
    return name;
  }

  /** Declares a value as an output of this graph. */
  output(name: string, type: ElementType, dimensions: readonly Dimension[]): void {
    this.#outputs.push(makeValueInfo(name, type, dimensions));
  }

  /** A float32 scalar; one initializer for equal values. */
  scalar(value: number): string {
    const data = Float32Array.of(value);
    return this.#constant(`float ${value}`, (name) => makeTensor(name, { dims: [], data }));
  }

  /** An int64 scalar. */
  integer(value: number): string {
    return this.#constant(`integer ${value}`, (name) => makeInt64(name, value));
  }

  /** A one-dimensional int64 tensor. */
  integers(...values: number[]): string {
    return this.#constant(`integers ${values.join(' ')}`, (name) => makeInt64(name, values));
  }

  /** A tensor of float32 zeros, made when the graph runs, so that the model stays small. */
  zeros(dimensions: readonly number[]): string {
    return this.op('ConstantOfShape', [this.integers(...dimensions)]);
  }

  /** Appends a node; the name of its first output. */
  op(opType: string, inputs: readonly string[], options: OperatorOptions = {}): string {
    const output = options.outputs ?? [this.fresh(opType)];
    const { attributes = {} } = options;
    this.#nodes.push(
      makeNode(opType, { input: inputs, output, attributes, name: this.fresh('node') }),
    );
    return output[0] ?? '';
  }

  /** The graph as a message, for an attribute of `Loop` or `If`. */
  toProto(): GraphProto {
    const [name, node, initializer] = [this.#name, this.#nodes, this.#initializers];
    return makeGraph({ name, node, initializer, input: this.#inputs, output: this.#outputs });
  }

  /** A whole model's bytes. */
  toModelBytes(): Uint8Array {
    return joinChunks(encodeModel(makeModel(this.toProto())));
  }

  #constant(key: string, make: (name: string) => TensorProto): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.fresh('constant');
    this.#initializers.push(make(name));
    this.#constants.set(key, name);
    return name;
  }
}
