// Says why no gradient flows: the errors of reverse mode, with the way through the graph that was looked for and what it runs
// into. Builds nothing.
import { InputError } from '../../schemas/errors.js';
import type { NodeProto } from '../onnx/proto.js';
import { barrier, wayText, wayThrough, type Flow, type Step } from './activity.js';

interface Ends {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly stops: ReadonlySet<string>;
}

/** The error for tensors between which no gradient flows. */
export function noWay(flow: Flow, { from, to, stops }: Ends): InputError {
  const targets = new Set(to);
  for (const start of from) {
    const way = wayThrough(flow, start, targets);
    if (way !== null) return blocked(flow, { start, way, stops });
  }
  const [what, on] = [to.map(quoted).join(', '), from.map(quoted).join(', ')];
  return new InputError(
    `Expected ${what} to depend on ${on}, found no way between them in the graph. Differentiate with respect to a tensor before the output.`,
    { outputs: [...to], wrt: [...from] },
  );
}

/** The error for a node on the way whose operator has no derivative here. */
export function noRule(
  flow: Flow,
  node: NodeProto,
  { why, wrt, outputs }: { why: string; wrt: readonly string[]; outputs: readonly string[] },
): InputError {
  const made = new Set(node.output);
  const before = firstWay(flow, wrt, made);
  const after = firstWay(flow, node.output.filter(Boolean), new Set(outputs));
  const way = before && wayText(before.start, [...before.way, ...(after?.way ?? [])]);
  const operator = node.domain ? `${node.domain}.${node.opType ?? ''}` : (node.opType ?? '');
  return new InputError(
    `Cannot differentiate ${operator} (node "${node.name ?? ''}"): ${why}.${way ? ` On the way ${way}.` : ''}`,
    { operator, node: node.name, wrt: before?.start },
  );
}

function firstWay(
  flow: Flow,
  starts: readonly string[],
  to: ReadonlySet<string>,
): { start: string; way: Step[] } | null {
  for (const start of starts) {
    const way = wayThrough(flow, start, to);
    if (way !== null) return { start, way };
  }
  return null;
}

function blocked(
  flow: Flow,
  { start, way, stops }: { start: string; way: readonly Step[]; stops: ReadonlySet<string> },
): InputError {
  const text = wayText(start, way);
  for (const { node, tensor } of way) {
    const why = barrier(node, tensor, flow);
    if (why !== null)
      return new InputError(
        `Expected a way of differentiable operators, but ${node.opType ?? ''} (node "${node.name ?? ''}") lets no gradient through: ${why}. The way is ${text}. Differentiate with respect to a tensor after it.`,
        { operator: node.opType, node: node.name, wrt: start },
      );
    if (stops.has(tensor))
      return new InputError(
        `Expected a way that passes no stop tensor, but "${tensor}" is one: ${text}. Take it from the stop tensors, or differentiate with respect to a tensor after it.`,
        { stop: tensor, wrt: start },
      );
  }
  return new InputError(`No gradient flows along ${text}.`, { wrt: start });
}

function quoted(name: string): string {
  return `"${name}"`;
}
