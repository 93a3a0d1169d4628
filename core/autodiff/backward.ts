// Reverse mode: appends to a graph the nodes that compute Σ_T ⟨cotangent_T, ∂T/∂w⟩ for tensors w. Only nodes on a way from a w
// to a T get gradient nodes. One pass over the nodes each way; no recursion; changes no node that is there.
//
// 1. Active tensors: those that depend on a w (activity.ts). 2. From the last node to the first: the sum of what arrived at
// its outputs goes through its rule to its inputs. 3. What arrived at w is its gradient, whether or not more flows on from w
// to another w before it.
// Source: reverse accumulation (Griewank, Walther 2008, chapter 3). Proofs: tests/unit/autodiff, tests/golden/autodiff.
import { InputError } from '../../schemas/errors.js';
import { readAttributes } from '../onnx/attributes.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { readNames } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { activeTensors, isFloat, ruleOf, type Flow } from './activity.js';
import { findGuards, type Guards } from './guards.js';
import { noRule, noWay } from './no-way.js';
import { refusal, type RuleCall } from './rule.js';
import { scalarsOf } from './scalars.js';
import { ShapedExpressions } from './shapes.js';

export interface GradientRequest {
  /** dL/dT by tensor T: element type and shape of T. */
  readonly cotangents: ReadonlyMap<string, Value>;
  /** Tensors whose gradients are wanted: inputs, initializers or results of nodes; one may depend on another. */
  readonly wrt: readonly string[];
  /** Tensors taken as constants: nothing flows back through them (what arrives at a wrt among them is still told). */
  readonly stop?: readonly string[];
}

/**
 * Gradients by wrt tensor, in its element type and shape; zeros where all derivatives on the way are zero.
 * @throws InputError for a tensor that the graph lacks, a wrt or a T without a way between them, a way through integers, an
 *   operator without a derivative, and cotangents that do not fit
 */
export function appendGradients(
  g: GraphBuilder,
  { cotangents, wrt, stop = [] }: GradientRequest,
): ReadonlyMap<string, Value> {
  const graph = g.toGraph();
  const nodes = [...graph.node];
  const flow: Flow = { nodes, find: (tensor) => g.find(tensor) };
  checkTensors(g, { cotangents, wrt, stop });
  const stops = new Set(stop);
  const active = activeTensors(flow, wrt, stops);
  const options = { flow, active, stops, wrt, outputs: [...cotangents.keys()] };
  const scalars = scalarsOf(graph);
  const guards = findGuards({ ...flow, graph, scalars, active });
  const way = new Way(g, { ...options, scalars, guards });
  for (const [tensor, cotangent] of cotangents) {
    if (!active.has(tensor)) throw noWay(flow, { from: wrt, to: [tensor], stops });
    way.arrive(tensor, cotangent);
  }
  for (let i = nodes.length - 1; i >= 0; i--) way.back(nodes[i] as NodeProto);
  return new Map(
    wrt.map((tensor) => {
      if (!way.reached.has(tensor)) throw noWay(flow, { from: [tensor], to: options.outputs, stops });
      return [tensor, way.total(tensor) ?? way.k.filledLike(g.value(tensor))];
    }),
  );
}

interface WayOptions {
  readonly flow: Flow;
  readonly outputs: readonly string[];
  readonly active: ReadonlySet<string>;
  readonly stops: ReadonlySet<string>;
  readonly wrt: readonly string[];
  readonly scalars: ReadonlyMap<string, number>;
  readonly guards: Guards;
}

/** The state of one pass back. */
class Way {
  readonly k: ShapedExpressions;
  /** Tensors at which a gradient can arrive. */
  readonly reached = new Set<string>();
  readonly #g: GraphBuilder;
  readonly #options: WayOptions;
  readonly #arrived = new Map<string, Value[]>();

  constructor(g: GraphBuilder, options: WayOptions) {
    this.#g = g;
    this.#options = options;
    this.k = new ShapedExpressions(g);
  }

  arrive(tensor: string, gradient: Value | null): void {
    this.reached.add(tensor);
    if (gradient === null) return;
    const list = this.#arrived.get(tensor);
    if (list) list.push(gradient);
    else this.#arrived.set(tensor, [gradient]);
  }

  /** The sum of what arrived at a tensor; null where nothing did. */
  total(tensor: string): Value | null {
    const list = this.#arrived.get(tensor);
    if (!list) return null;
    const sum = list.reduce((a, b) => this.k.add(a, b));
    this.#arrived.set(tensor, [sum]);
    return sum;
  }

  /** Takes what arrived at a node's outputs to its inputs. */
  back(node: NodeProto): void {
    const { active, stops, flow, wrt, outputs } = this.#options;
    const flows = (name: string): boolean => name !== '' && this.reached.has(name) && !stops.has(name);
    if (!node.output.some(flows)) return;
    const row = ruleOf(node);
    if ('noGradient' in row) return;
    if ('unsupported' in row) {
      if (!readNames(node).some((name) => active.has(name))) return;
      throw noRule(flow, node, { why: row.unsupported, wrt, outputs });
    }
    const names = node.input.filter((name) => active.has(name));
    if (names.length === 0) return;
    for (const name of names) this.reached.add(name);
    const cotangents = node.output.map((name) => (flows(name) ? this.total(name) : null));
    if (cotangents.every((cotangent) => cotangent === null)) return;
    const gradients = row(this.#call(node, cotangents));
    node.input.forEach((name, i) => {
      const gradient = gradients[i] ?? null;
      if (active.has(name) && gradient !== null) this.arrive(name, gradient);
    });
  }

  #call(node: NodeProto, cotangents: readonly (Value | null)[]): RuleCall {
    const { active, scalars, guards } = this.#options;
    const value = (name: string): Value | null => {
      if (name === '') return null;
      const found = this.#g.find(name);
      if (found) return found;
      throw new InputError(
        `Cannot differentiate ${node.opType ?? ''} (node "${node.name ?? ''}"): expected a known element type of "${name}", found none. Declare it in the model's value_info.`,
        { operator: node.opType, node: node.name, tensor: name },
      );
    };
    return {
      g: this.#g,
      k: this.k,
      node,
      inputs: node.input.map(value),
      outputs: node.output.map((name) => (name === '' ? null : this.#g.find(name))),
      attributes: readAttributes(node),
      cotangents,
      guarded: guards.isGuarded(node),
      risky: (i) => guards.isRisky(node.input[i] ?? ''),
      needs: (i) => active.has(node.input[i] ?? ''),
      constant: (i) => scalars.get(node.input[i] ?? '') ?? null,
      refuse: (expected, got, remedy) => {
        throw refusal(node, { expected, got, remedy });
      },
    };
  }
}

/** @throws InputError for tensors that are not there or not of a float type, and for cotangents of another type or rank */
function checkTensors(g: GraphBuilder, { cotangents, wrt, stop = [] }: GradientRequest): void {
  const names = [...cotangents.keys(), ...wrt, ...stop];
  const missing = names.find((name) => g.find(name) === null);
  if (missing !== undefined)
    throw new InputError(
      `Expected tensors of the graph whose type is known, found none called "${missing}". Correct the name.`,
      { tensor: missing },
    );
  const integer = [...cotangents.keys(), ...wrt].map((name) => g.value(name)).find((v) => !isFloat(v));
  if (integer !== undefined)
    throw new InputError(
      `Expected float tensors to differentiate, "${integer.name}" is ${integer.dtype}. Choose a tensor of numbers, e.g. the embedding instead of the token ids.`,
      { tensor: integer.name, dtype: integer.dtype },
    );
  for (const [name, cotangent] of cotangents) {
    const { dtype, shape } = g.value(name);
    const ranks = [shape?.length, cotangent.shape?.length];
    if (dtype === cotangent.dtype && (ranks.includes(undefined) || ranks[0] === ranks[1])) continue;
    throw new InputError(
      `Expected a cotangent of "${name}" as ${dtype} [${shape?.join(', ') ?? '?'}], got ${cotangent.dtype} [${cotangent.shape?.join(', ') ?? '?'}].`,
      { tensor: name, dtype: cotangent.dtype },
    );
  }
}
