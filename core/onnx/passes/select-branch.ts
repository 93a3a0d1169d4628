// One branch of a merged decoder: exporters write the runs with and without a cache as the two branches of an If on a bool
// input. The chosen one becomes the graph, so that sites and derivatives see its nodes.
// requires: an If at the top level whose condition is a graph input. ensures: the model computes what it computed with the
// input at the chosen value; the input, and inputs that only the other branch reads, are gone.
import { InputError } from '../../../schemas/errors.js';
import { graphOf } from '../cut.js';
import { capturedNames } from '../graph-index.js';
import type { GraphProto, ModelProto, NodeProto } from '../proto.js';
import { freshName, namesOf } from './map-nodes.js';
import { pruneGraph } from './prune.js';
import { renameReads } from './rename-consumers.js';

/**
 * The model with the bool input `input` fixed to `value`.
 * 1. Every If on that input becomes the nodes and initializers of its branch; names that an earlier branch used change. The
 *    branch's outputs become, by an Identity, the If's.
 * 2. The input goes. 3. Nodes, initializers and inputs that no output needs go.
 * @throws InputError where no If at the top level reads the input, or something else reads it.
 */
export function selectBranch(
  model: ModelProto,
  { input, value }: { readonly input: string; readonly value: boolean },
): ModelProto {
  const graph = graphOf(model);
  const ifs = graph.node.filter((node) => isIfOn(node, input));
  const other = graph.node.find((node) => !isIfOn(node, input) && readsInput(node, input));
  if (ifs.length === 0 || other !== undefined) {
    throw new InputError(
      `Expected a graph input that only chooses the branches of If nodes, "${input}" is read by ${other ? `node "${other.name ?? ''}" (${other.opType ?? ''})` : 'no If'}.`,
      { input, node: other?.name },
    );
  }
  const names = namesOf(graph);
  const taken = topNames(graph);
  const initializer = [...graph.initializer];
  const node = graph.node.flatMap((old) => {
    if (!isIfOn(old, input)) return [old];
    const branch = withOwnNames(branchOf(old, value), taken);
    for (const one of branch.initializer) initializer.push(one);
    return [...branch.node, ...outputsOf(old, branch, names)];
  });
  return { ...model, graph: pruneGraph({ ...graph, node, initializer }, 'drop') };
}

function isIfOn(node: NodeProto, input: string): boolean {
  return node.opType === 'If' && node.input[0] === input;
}

function readsInput(node: NodeProto, input: string): boolean {
  if (node.input.includes(input)) return true;
  return node.attribute.some((a) => a.g !== undefined && capturedNames(a.g).includes(input));
}

function branchOf(node: NodeProto, value: boolean): GraphProto {
  const name = value ? 'then_branch' : 'else_branch';
  const branch = node.attribute.find((attribute) => attribute.name === name)?.g;
  if (branch?.output.length === node.output.length) return branch;
  throw new InputError(
    `Expected a ${name} with ${node.output.length} outputs in node "${node.name ?? ''}" (If), found ${branch ? branch.output.length : 'none'}. The file is damaged: export it anew.`,
    { node: node.name, branch: name },
  );
}

function outputsOf(node: NodeProto, branch: GraphProto, names: Set<string>): NodeProto[] {
  return node.output.flatMap((output, i): NodeProto[] => {
    const made = branch.output[i]?.name ?? '';
    if (output === '' || output === made) return [];
    const parts = { input: [made], output: [output], attribute: [], metadataProps: [] };
    return [{ ...parts, opType: 'Identity', name: freshName(`${output}/node`, names) }];
  });
}

/** Names of tensors and nodes of the outermost graph. */
function topNames(graph: GraphProto): Set<string> {
  const stored = [...graph.input, ...graph.initializer].map(({ name = '' }) => name);
  return new Set([...stored, ...graph.node.flatMap((node) => [node.name ?? '', ...node.output])]);
}

/** The branch with names that no other tensor of the outermost graph has. */
function withOwnNames(branch: GraphProto, taken: Set<string>): GraphProto {
  const made = branch.node.flatMap((node) => [node.name ?? '', ...node.output]);
  const renames = new Map<string, string>();
  const stored = branch.initializer.map((tensor) => tensor.name ?? '');
  for (const name of new Set([...stored, ...made])) {
    if (name === '') continue;
    const own = freshName(name, taken);
    if (own !== name) renames.set(name, own);
  }
  if (renames.size === 0) return branch;
  const own = (name = ''): string => renames.get(name) ?? name;
  return {
    ...branch,
    node: branch.node.map((node) => {
      const reading = renameReads(node, renames);
      return { ...reading, name: own(node.name), output: node.output.map(own) };
    }),
    initializer: branch.initializer.map((tensor) => ({ ...tensor, name: own(tensor.name) })),
    output: branch.output.map((info) => ({ ...info, name: own(info.name) })),
  };
}
