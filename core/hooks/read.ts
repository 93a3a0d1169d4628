// The model with each wanted site as a tensor in the site's own axes. Adds nodes beside the path only where the graph has no
// such tensor, and changes nothing that is there: values on the path stay the same bit for bit.
import { GraphBuilder } from '../onnx/builder.js';
import { graphOf } from '../onnx/cut.js';
import type { ModelProto, NodeProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import { cast, normInside, normMaking, normTensor } from './norm-graph.js';
import { applyAxes, type NormView } from './site-view.js';
import type { Site } from './sites.js';

/** Name of what only some readers of a tensor read after an edit. */
export function editedName(site: Pick<Site, 'name'>): string {
  return `${site.name}/edited`;
}

export interface ReadModel {
  readonly model: ModelProto;
  /** The tensor of each site, in their order. */
  readonly tensors: readonly string[];
}

/**
 * The model in which every site is a tensor in the site's axes. `sites` are those of the unedited model; of a spliced model
 * this gives the edited values.
 * @throws InputError where a tensor that a site names is not in the model
 */
export function readSites(model: ModelProto, sites: readonly Site[]): ReadModel {
  if (sites.every(({ view, readers }) => view === null && readers === null))
    return { model, tensors: sites.map(({ tensor }) => tensor) };
  const g = GraphBuilder.over(model);
  const norms = new NormReader(g, model);
  const tensors = sites.map((site) => {
    const edited = g.find(editedName(site));
    if (site.view === null) return edited?.name ?? site.tensor;
    return readOne(g, { site, source: edited ?? g.value(site.tensor), norms }).name;
  });
  return { model: g.toModel(), tensors };
}

function readOne(g: GraphBuilder, { site, source, norms }: { site: Site; source: Value; norms: NormReader }): Value {
  const { view } = site;
  if (view === null) return source;
  if (view.kind === 'axes') return applyAxes(g, source, view);
  if (view.kind === 'reciprocal') return g.op('Reciprocal', [source]);
  const value = norms.read(site.tensor, view.part);
  return view.shown === null ? value : applyAxes(g, value, view.shown);
}

/** Scale and normalised value of norm operators, each computed once. */
class NormReader {
  readonly #g: GraphBuilder;
  readonly #opset: number;
  readonly #nodes: readonly NodeProto[];
  readonly #inside = new Map<string, ReturnType<typeof normInside>>();

  constructor(g: GraphBuilder, model: ModelProto) {
    this.#g = g;
    this.#opset = opsetOf(model);
    this.#nodes = graphOf(model).node;
  }

  read(output: string, part: NormView['part']): Value {
    const g = this.#g;
    const edited = g.find(normTensor(output, part));
    if (edited) return edited;
    const node = normMaking(this.#nodes, output);
    const inside = this.#inside.get(output) ?? normInside(g, node, this.#opset);
    this.#inside.set(output, inside);
    const value = part === 'scale' ? inside.scale : g.op('Div', [inside.centred, inside.scale]);
    return cast(g, value, g.value(node.input[0] ?? '').dtype);
  }
}

/** The opset of a model's standard operators. */
export function opsetOf(model: ModelProto): number {
  const standard = model.opsetImport.find(({ domain = '' }) => ['', 'ai.onnx'].includes(domain));
  return standard?.version ?? 0;
}
