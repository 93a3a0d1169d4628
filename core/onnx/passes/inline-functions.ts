// Calls of a model's own functions replaced by the functions' nodes, so that every pass sees plain operators.
// requires: functions do not call each other in a circle (check-model.ts) and are written in the model's opset.
// ensures: no function is called and none is left; the graph computes the same; new names differ from all others.
import { InputError } from '../../../schemas/errors.js';
import { graphOf } from '../cut.js';
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from '../proto.js';
import { walkModel } from '../walk.js';
import { freshName, mapBodies, namesOf } from './map-nodes.js';

/** Calls within calls, at most. */
const MAX_DEPTH = 64;

/**
 * The model without functions.
 * 1. Without functions: the model itself.
 * 2. A call becomes the function's nodes: its inputs and outputs get the call's names, inner tensors fresh ones.
 * 3. An input or output that the call leaves out is left out in the nodes, or gets a fresh name.
 * 4. Attributes that refer to the function's attributes get the call's value, else the function's default, else are dropped.
 * 5. Calls inside functions and inside subgraphs are replaced too.
 * @throws InputError for a function in another opset, and for calls nested too deep.
 */
export function inlineFunctions(model: ModelProto): ModelProto {
  if (model.functions.length === 0) return model;
  const graph = graphOf(model);
  const inliner = new Inliner(model, namesOf(graph));
  const flat = inliner.graph(graph, 0);
  const flatModel = { ...model, graph: flat, functions: [] };
  const used = new Set<string>();
  walkModel(flatModel, { node: ({ domain = '' }) => used.add(domain) });
  const own = new Set(model.functions.map(({ domain = '' }) => domain));
  const opsetImport = inliner.imports.filter(
    ({ domain = '' }) => domain === '' || used.has(domain) || !own.has(domain),
  );
  return { ...flatModel, opsetImport };
}

class Inliner {
  readonly imports: ModelProto['opsetImport'][number][];
  readonly #functions: ReadonlyMap<string, FunctionProto>;
  readonly #names: Set<string>;

  constructor(model: ModelProto, names: Set<string>) {
    this.#functions = new Map(model.functions.map((f) => [keyOf(f.domain, f.name, f.overload), f]));
    this.#names = names;
    this.imports = [...model.opsetImport];
    for (const set of model.functions.flatMap((f) => f.opsetImport)) this.#import(set);
  }

  graph(graph: GraphProto, depth: number): GraphProto {
    const node = graph.node.flatMap((old) => this.#node(old, depth));
    return { ...graph, node };
  }

  #node(node: NodeProto, depth: number): NodeProto[] {
    const inner = mapBodies(node, (body) => this.graph(body, depth));
    const called = this.#functions.get(keyOf(node.domain, node.opType, node.overload));
    if (!called) return [inner];
    if (depth >= MAX_DEPTH) {
      throw new InputError(
        `Expected functions nested at most ${MAX_DEPTH} deep, "${called.name ?? ''}" is deeper. The file is damaged: export it anew.`,
        { function: called.name, depth },
      );
    }
    return this.#body(inner, called).flatMap((made) => this.#node(made, depth + 1));
  }

  /** The function's nodes in the names of one call. */
  #body(call: NodeProto, called: FunctionProto): NodeProto[] {
    const names = new Map<string, string>();
    called.input.forEach((name, i) => names.set(name, call.input[i] ?? ''));
    called.output.forEach((name, i) => {
      const given = call.output[i] ?? '';
      // An input that is passed through has two names; an Identity at the end gives it the second.
      if (given !== '' && !names.has(name)) names.set(name, given);
    });
    const prefix = call.name ? call.name : (call.output[0] ?? 'call');
    const nodes = called.node.map((node) => {
      const bound = bindAttributes(node, call, called);
      return this.#renamed(bound, names, prefix);
    });
    return [...nodes, ...this.#passedThrough(call, called, names)];
  }

  #passedThrough(call: NodeProto, called: FunctionProto, names: ReadonlyMap<string, string>) {
    return called.output.flatMap((name, i): NodeProto[] => {
      const [made, given] = [names.get(name) ?? '', call.output[i] ?? ''];
      if (given === '' || made === given) return [];
      const parts = { input: [made], output: [given], attribute: [], metadataProps: [] };
      return [{ ...parts, opType: 'Identity', name: freshName(`${given}/node`, this.#names) }];
    });
  }

  #renamed(node: NodeProto, names: Map<string, string>, prefix: string): NodeProto {
    const read = (name: string): string => names.get(name) ?? name;
    const write = (name: string): string => {
      if (name === '') return '';
      const known = names.get(name);
      if (known !== undefined) return known;
      const fresh = freshName(`${prefix}/${name}`, this.#names);
      names.set(name, fresh);
      return fresh;
    };
    const input = node.input.map((name) => (name === '' ? '' : read(name)));
    const bodies = mapBodies(node, (body) => this.#renamedBody(body, names, prefix));
    const name = freshName(`${prefix}/${node.name ?? node.opType ?? ''}`, this.#names);
    return { ...bodies, name, input, output: node.output.map(write) };
  }

  /** A body inside a function: its own tensors get fresh names, those of the function the call's. */
  #renamedBody(body: GraphProto, outer: ReadonlyMap<string, string>, prefix: string): GraphProto {
    const names = new Map(outer);
    const own = (name = ''): string => {
      const fresh = freshName(`${prefix}/${name}`, this.#names);
      names.set(name, fresh);
      return fresh;
    };
    const input = body.input.map((info) => ({ ...info, name: own(info.name) }));
    const initializer = body.initializer.map((tensor) => ({ ...tensor, name: own(tensor.name) }));
    for (const name of body.node.flatMap((node) => node.output)) names.delete(name);
    const node = body.node.map((inner) => this.#renamed(inner, names, prefix));
    const output = body.output.map((info) => ({ ...info, name: names.get(info.name ?? '') ?? info.name ?? '' }));
    return { ...body, input, initializer, node, output, valueInfo: [] };
  }

  #import({ domain = '', version = 0 }: ModelProto['opsetImport'][number]): void {
    const known = this.imports.find((set) => (set.domain ?? '') === domain);
    if (known === undefined) this.imports.push({ domain, version });
    else if (known.version !== version) {
      throw new InputError(
        `Expected functions in the model's opset ${known.version ?? 0} of domain "${domain}", found one in ${version}. Export the model anew without functions.`,
        { domain, expected: known.version, got: version },
      );
    }
  }
}

/** Attributes of a function's node with references to the function's attributes resolved, also inside bodies. */
function bindAttributes(node: NodeProto, call: NodeProto, called: FunctionProto): NodeProto {
  const attribute = node.attribute.flatMap((own): AttributeProto[] => {
    const from = own.refAttrName ?? '';
    if (from === '') return [own];
    const given = call.attribute.find((a) => a.name === from) ?? called.attributeProto.find((a) => a.name === from);
    const { refAttrName: _, ...rest } = given ?? own;
    return given ? [{ ...rest, name: own.name ?? '' }] : [];
  });
  const bind = (inner: NodeProto): NodeProto => bindAttributes(inner, call, called);
  const changed = { ...node, attribute };
  return mapBodies(changed, (body) => ({ ...body, node: body.node.map(bind) }));
}

function keyOf(domain = '', name = '', overload = ''): string {
  return JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload]);
}
