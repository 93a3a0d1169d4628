// Which tensors carry a derivative: those that depend on a wrt tensor through operators with a derivative and float results.
// Also tells, where there is no such way, what the ways there are run into.
import { operatorName } from '../onnx/operators/table.js';
import { readNames } from '../onnx/graph-index.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import type { RuleRow } from './rule.js';
import { RULES } from './rules.js';

/** What the analysis needs of a graph. */
export interface Flow {
  readonly nodes: readonly NodeProto[];
  /** The tensor's type; null where nothing tells it. */
  find(tensor: string): Value | null;
}

/** The derivative of a node's operator. */
export function ruleOf(node: NodeProto): RuleRow {
  const operator = operatorName(node);
  if (operator !== null) return RULES[operator];
  return {
    unsupported: 'this operator is not known; export the model with standard ONNX operators',
  };
}

/** Whether a tensor's element type has derivatives. */
export function isFloat(value: Value | null): boolean {
  return value !== null && /^b?float/.test(value.dtype);
}

/** Why nothing flows from a node's inputs to this output; null where it does. */
export function barrier(node: NodeProto, output: string, flow: Flow): string | null {
  const row = ruleOf(node);
  if ('noGradient' in row) return row.noGradient;
  const value = flow.find(output);
  if (isFloat(value) || 'unsupported' in row) return null;
  return value ? `its result "${output}" is ${value.dtype}` : `the type of "${output}" is not known`;
}

/** All tensors that carry a derivative with respect to `wrt`; nothing passes a stop tensor. */
export function activeTensors(flow: Flow, wrt: readonly string[], stop: ReadonlySet<string>): Set<string> {
  const active = new Set(wrt);
  for (const node of flow.nodes) {
    if (!readNames(node).some((name) => active.has(name))) continue;
    for (const output of node.output)
      if (output !== '' && !stop.has(output) && barrier(node, output, flow) === null) active.add(output);
  }
  return active;
}

/** One step of a way through the graph. */
export interface Step {
  readonly node: NodeProto;
  readonly tensor: string;
}

/**
 * A way from `from` to one of `to` over any operators; null where there is none. First in the order of the graph, so its
 * nodes are few but not always fewest.
 */
export function wayThrough({ nodes }: Pick<Flow, 'nodes'>, from: string, to: ReadonlySet<string>): Step[] | null {
  const cameBy = new Map<string, { readonly node: NodeProto; readonly from: string }>();
  let end = to.has(from) ? from : null;
  for (const node of nodes) {
    if (end !== null) break;
    const source = readNames(node).find((name) => name === from || cameBy.has(name));
    if (source === undefined) continue;
    for (const tensor of node.output) {
      if (tensor === '' || tensor === from) continue;
      cameBy.set(tensor, { node, from: source });
      if (to.has(tensor)) end = tensor;
    }
  }
  if (end === null) return null;
  const way: Step[] = [];
  for (let at = end, by = cameBy.get(at); by; at = by.from, by = cameBy.get(at))
    way.unshift({ node: by.node, tensor: at });
  return way;
}

const SHOWN = 12;

/** A way as text: `x → Mul "y" → …`; the middle of a long one is left out. */
export function wayText(from: string, way: readonly Step[]): string {
  const steps = way.map(({ node, tensor }) => `${node.opType ?? ''} "${tensor}"`);
  const left = steps.length - SHOWN;
  const shown = left > 0 ? [...steps.slice(0, SHOWN / 2), `… (${left} more)`, ...steps.slice(-SHOWN / 2)] : steps;
  return [`"${from}"`, ...shown].join(' → ');
}
