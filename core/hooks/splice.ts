// The model in which everything after a site reads an edited value. The edited value takes over the tensor's name, so that sites
// resolved on the unedited model, graph outputs and subgraphs read it without being touched; the value before is renamed.
//
// 1. Sites that only some nodes read (the MLP's input): those nodes are pointed to the edited value. 2. Sites inside a norm
// operator: the operator is replaced by its equations. 3. All others, in the order of the list where they share a tensor.
// ensures: an ordered graph; a circle (an edit that reads what its own site makes) is refused.
import { InputError } from '../../schemas/errors.js';
import { GraphBuilder } from '../onnx/builder.js';
import { graphOf } from '../onnx/cut.js';
import type { ModelProto, NodeProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { cast, normAffine, normInside, normMaking, normTensor, uneditedName } from './norm-graph.js';
import { editedName, opsetOf } from './read.js';
import { applyAxes, undoAxes } from './site-view.js';
import type { Site } from './sites.js';
import { sortNodes } from './sort-nodes.js';

export interface SiteSplice {
  readonly site: Site;
  /** The new value, of the type and shape of the old one, made with nodes of `g`. */
  readonly edit: (g: GraphBuilder, value: Value) => Value;
}

/**
 * The model in which everything after each site reads what its `edit` returns. Sites are those of the unedited model.
 * @throws InputError for an edit that changes type or shape, reads what comes after its site, or a site that cannot be edited
 */
export function spliceSites(model: ModelProto, splices: readonly SiteSplice[]): ModelProto {
  const fixed = splices.find(({ site }) => site.readOnly !== null);
  if (fixed) throw readOnlySite(fixed.site);
  const limited = splices.filter(({ site }) => site.readers !== null);
  const inner = splices.filter(({ site }) => site.readers === null && site.view?.kind === 'norm');
  const whole = splices.filter(({ site }) => site.readers === null && site.view?.kind !== 'norm');
  let result = model;
  for (const [, group] of groupBy(limited, ({ site }) => site.name)) result = spliceReaders(result, group);
  for (const [tensor, group] of groupBy(inner, ({ site }) => site.tensor)) result = spliceNorm(result, tensor, group);
  return whole.length === 0 ? result : spliceTensors(result, whole);
}

function spliceReaders(model: ModelProto, group: readonly SiteSplice[]): ModelProto {
  const { site } = group[0] as SiteSplice;
  const g = GraphBuilder.over(model);
  const edited = editThrough(g, valueAt(g, site), group);
  const named = g.op('Identity', [edited], { name: editedName(site) });
  const readers = new Set(site.readers);
  const pointed = (node: NodeProto): NodeProto => {
    if (!readers.has(node.output[0] ?? '')) return node;
    if (!node.input.includes(site.tensor)) throw capturedReader(site, node);
    return { ...node, input: node.input.map((name) => (name === site.tensor ? named.name : name)) };
  };
  return sorted(g.toModel(), (nodes) => nodes.map(pointed));
}

function spliceNorm(model: ModelProto, tensor: string, group: readonly SiteSplice[]): ModelProto {
  const node = normMaking(graphOf(model).node, tensor);
  const g = GraphBuilder.over(model);
  const { centred, scale } = normInside(g, node, opsetOf(model));
  const ofPart = (part: string): SiteSplice[] =>
    group.filter(({ site }) => site.view?.kind === 'norm' && site.view.part === part);
  const keep = (value: Value, part: 'scale' | 'normalized'): Value =>
    g.op('Identity', [editThrough(g, value, ofPart(part))], { name: normTensor(tensor, part) });
  const divisor = keep(scale, 'scale');
  const normalized = keep(g.op('Div', [centred, divisor]), 'normalized');
  const result = normAffine(g, node, cast(g, normalized, centred.dtype));
  return sorted(g.toModel(), (nodes) =>
    nodes.filter((one) => one !== node).map((one) => renameOutput(one, result.name, node.output[0] ?? '')),
  );
}

function spliceTensors(model: ModelProto, splices: readonly SiteSplice[]): ModelProto {
  const g = GraphBuilder.over(model);
  const count = graphOf(model).node.length;
  /** Nodes appended up to a place belong to the tensor's edit: they read the value before. */
  const edits = [...groupBy(splices, ({ site }) => site.tensor)].map(([tensor, group]) => {
    const result = editThrough(g, valueAt(g, (group[0] as SiteSplice).site), group);
    const edited = result.name === tensor ? g.op('Identity', [result]) : result;
    return { tensor, edited: edited.name, before: g.fresh(uneditedName(tensor)), end: g.toGraph().node.length };
  });
  return sorted(g.toModel(), (nodes) =>
    nodes.map((node, i) => {
      const own = i < count ? undefined : edits.find(({ end }) => i < end);
      const renamed = new Map<string, string>();
      for (const { tensor, edited, before } of edits) {
        if (node.output.includes(tensor)) renamed.set(tensor, before);
        if (node.output.includes(edited)) renamed.set(edited, tensor);
      }
      const output = node.output.map((name) => renamed.get(name) ?? name);
      const input = node.input.map((name) => inputName(name, own, edits));
      return { ...node, input, output };
    }),
  );
}

interface TensorEdit {
  readonly tensor: string;
  readonly edited: string;
  readonly before: string;
}

/** What a node reads after the names have changed. */
function inputName(name: string, own: TensorEdit | undefined, edits: readonly TensorEdit[]): string {
  if (name === own?.tensor) return own.before;
  return edits.find(({ edited }) => edited === name)?.tensor ?? name;
}

/** The value after all edits of a group, back in the axes of its tensor. */
function editThrough(g: GraphBuilder, value: Value, group: readonly SiteSplice[]): Value {
  return group.reduce((current, { site, edit }) => {
    const { view } = site;
    const axes = view?.kind === 'norm' ? view.shown : view;
    if (axes === null) return checked(site, current, edit(g, current));
    if (axes.kind === 'reciprocal') {
      const inverse = g.op('Reciprocal', [current]);
      return g.op('Reciprocal', [checked(site, inverse, edit(g, inverse))]);
    }
    const seen = applyAxes(g, current, axes);
    return undoAxes(g, checked(site, seen, edit(g, seen)), { view: axes, original: current });
  }, value);
}

/** The edited value. @throws InputError where its element type or number of axes is another one */
function checked(site: Site, before: Value, after: Value): Value {
  const [old, now] = [before.shape?.length, after.shape?.length];
  const fits = before.dtype === after.dtype && (old === undefined || now === undefined || old === now);
  if (fits) return after;
  throw new InputError(
    `Expected an edit of site ${site.name} to keep ${before.dtype} with axes [${site.axes.join(', ')}], got ${after.dtype} with ${now ?? 'unknown'} axes.`,
    { site: site.name, expected: before, got: after },
  );
}

function sorted(model: ModelProto, change: (nodes: readonly NodeProto[]) => readonly NodeProto[]): ModelProto {
  const graph = graphOf(model);
  return { ...model, graph: { ...graph, node: sortNodes(change(graph.node)) } };
}

function renameOutput(node: NodeProto, from: string, to: string): NodeProto {
  if (!node.output.includes(from)) return node;
  return { ...node, output: node.output.map((name) => (name === from ? to : name)) };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** What a site is seen in. @throws InputError where nothing tells its element type */
function valueAt(g: GraphBuilder, { name, tensor }: Site): Value {
  const value = g.find(tensor);
  if (value !== null) return value;
  throw new InputError(
    `Site ${name} cannot be edited: nothing tells the element type of "${tensor}". An operator before it is not known.`,
    { site: name, tensor },
  );
}

function readOnlySite({ name, readOnly }: Site): InputError {
  return new InputError(
    `Site ${name} can be read but not edited: ${readOnly ?? ''}. Edit what it is computed from, or what reads it.`,
    { site: name, reason: readOnly },
  );
}

function capturedReader({ name, tensor }: Site, node: NodeProto): InputError {
  return new InputError(
    `Site ${name} cannot be edited: a graph inside node "${node.name ?? ''}" (${node.opType ?? ''}) reads "${tensor}".`,
    { site: name, node: node.name, operator: node.opType },
  );
}
