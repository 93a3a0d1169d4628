// Rewrites a compact graph the way the legacy exporter writes one: every constant is a node of its own, every shape is put
// together axis by axis (Shape, Gather, Unsqueeze, Concat), every Split is slices. Computes the same. For benches only.
import { graphOf } from '../../core/onnx/cut.js';
import { makeInt64, makeNode } from '../../core/onnx/make.js';
import type { ModelProto, NodeProto, TensorProto } from '../../core/onnx/proto.js';
import { integerValues } from '../../core/onnx/tensor-values.js';

/** Initializers below this many bytes become Constant nodes, one per use. */
const CONSTANT_BYTES = 64;
const TO_END = 2 ** 31 - 1;

/** The same model with about five times the nodes. */
export function verboseGraph(model: ModelProto): ModelProto {
  const graph = graphOf(model);
  const small = new Map(
    graph.initializer
      .filter(({ rawData }) => rawData !== undefined && rawData.length <= CONSTANT_BYTES)
      .map((tensor) => [tensor.name ?? '', tensor]),
  );
  const writer = new VerboseWriter(small);
  for (const node of graph.node) writer.write(node);
  const initializer = graph.initializer.filter(({ name }) => !small.has(name ?? ''));
  return { ...model, graph: { ...graph, node: writer.nodes, initializer } };
}

class VerboseWriter {
  readonly nodes: NodeProto[] = [];
  readonly #constants: ReadonlyMap<string, TensorProto>;

  constructor(constants: ReadonlyMap<string, TensorProto>) {
    this.#constants = constants;
  }

  write(node: NodeProto): void {
    const [x = '', second = ''] = node.input;
    const shape = this.#constants.get(second);
    const sizes = shape && integerValues(shape);
    if (node.opType === 'Reshape' && sizes) {
      this.nodes.push({ ...node, input: [x, this.#shape(x, sizes)] });
    } else if (node.opType === 'Split') this.#slices(x, node.output);
    else this.nodes.push({ ...node, input: node.input.map((name) => this.#own(name)) });
  }

  /** One Shape → Gather → Unsqueeze per axis that stays (0), a constant per size that is given. */
  #shape(x: string, sizes: readonly number[]): string {
    const parts = sizes.map((size, axis) => {
      const kept = (): string => this.#op('Gather', [this.#op('Shape', [x]), this.#constant(axis)]);
      const scalar = size === 0 ? kept() : this.#constant(size);
      return this.#op('Unsqueeze', [scalar, this.#constant([0])]);
    });
    return this.#op('Concat', parts, { axis: 0 });
  }

  /** Equal parts of the last axis, whose length is asked of the tensor as the legacy exporter does. */
  #slices(x: string, outputs: readonly string[]): void {
    const length = this.#op('Gather', [this.#op('Shape', [x]), this.#constant(-1)]);
    const part = this.#op('Div', [length, this.#constant(outputs.length)]);
    const axes = this.#constant([-1]);
    outputs.forEach((output, i) => {
      const bound = (n: number): string =>
        this.#op('Unsqueeze', [this.#op('Mul', [part, this.#constant(n)]), this.#constant([0])]);
      const end = i === outputs.length - 1 ? this.#constant([TO_END]) : bound(i + 1);
      this.nodes.push(makeNode('Slice', { input: [x, bound(i), end, axes], output: [output] }));
    });
  }

  /** A Constant node of its own for a small initializer; other names stay. */
  #own(name: string): string {
    const tensor = this.#constants.get(name);
    return tensor ? this.#op('Constant', [], { value: tensor }) : name;
  }

  #constant(values: number | readonly number[]): string {
    return this.#op('Constant', [], { value: makeInt64('', values) });
  }

  #op(opType: string, input: readonly string[], attributes = {}): string {
    const name = `/verbose/${opType}_${this.nodes.length}_output_0`;
    this.nodes.push(makeNode(opType, { input, output: [name], attributes }));
    return name;
  }
}
