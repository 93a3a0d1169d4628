// What hostile files are made of: graphs, messages and chains of chosen size.
import { encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { makeGraph, makeModel, makeNode, makeTensor, makeValueInfo } from '../../core/onnx/make.js';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '../../core/onnx/proto.js';

export interface Bomb {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  /** What the refusal says; null where the engine may also read the file (up to where it is no transformer). */
  readonly refusal: RegExp | null;
}

export const MANY = 60_000;
export const X: ValueInfoProto = makeValueInfo('x', 'float32', ['n']);
export const Y: ValueInfoProto = makeValueInfo('y', 'float32');
export const IDS = makeValueInfo('input_ids', 'int64', ['batch', 'pos']);
export const TABLE = makeTensor('wte', { dims: [8, 4], data: new Float32Array(32) });

export interface Parts {
  readonly node: readonly NodeProto[];
  readonly input?: readonly ValueInfoProto[];
  readonly output?: readonly ValueInfoProto[];
  readonly initializer?: readonly TensorProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
  readonly functions?: readonly FunctionProto[];
}

export function bytesOf({ functions = [], valueInfo = [], ...parts }: Parts): Uint8Array {
  const graph = makeGraph({ input: [X], output: [Y], ...parts });
  const model: ModelProto = { ...makeModel({ ...graph, valueInfo }), functions };
  return joinChunks(encodeModel(model));
}

export function node(
  opType: string,
  [input, output]: readonly [readonly string[], string],
  attributes = {},
): NodeProto {
  return makeNode(opType, { input, output: [output], attributes, name: '' });
}

export function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** x0 = first, x_{i+1} = op(x_i …). */
export function chain(
  count: number,
  [first, opType]: readonly [string, string],
  inputs: (before: string) => string[],
): NodeProto[] {
  return times(count, (i) => node(opType, [inputs(i === 0 ? first : `c${i - 1}`), `c${i}`]));
}

/** A token embedding, so that the resolver starts, and then the given nodes on `e`, ending in `y`. */
export function behindEmbedding(nodes: readonly NodeProto[], initializer: readonly TensorProto[] = []): Uint8Array {
  const embed = node('Gather', [['wte', 'input_ids'], 'e']);
  return bytesOf({ node: [embed, ...nodes], input: [IDS], initializer: [TABLE, ...initializer] });
}

/** A graph attribute. */
export function subgraph(name: string, g: GraphProto): AttributeProto {
  return { name, g, type: 5, floats: [], ints: [], strings: [], tensors: [], graphs: [] };
}

/** Loops in loops, `depth` deep, with a few nodes in the innermost. */
export function nestedLoops(depth: number): NodeProto {
  let body = makeGraph({
    node: times(20, (i) => node('Relu', [[i === 0 ? 'x' : `r${i - 1}`], `r${i}`])),
    output: [makeValueInfo('r19', 'float32')],
  });
  for (let level = 0; level < depth; level++) {
    const loop: NodeProto = {
      ...node('Loop', [['', '', 'x'], `l${level}`]),
      attribute: [subgraph('body', body)],
    };
    const input = ['i', 'cond', 'state'].map((name) => makeValueInfo(`${name}${level}`, 'float32'));
    body = makeGraph({ node: [loop], input, output: [makeValueInfo(`l${level}`, 'float32')] });
  }
  return { ...node('Loop', [['', '', 'x'], 'y']), attribute: [subgraph('body', body)] };
}

export function definition(name: string, calls: readonly string[]): FunctionProto {
  const nodes = calls.map((callee, i) => ({ ...node(callee, [['a'], `o${i}`]), domain: 'own' }));
  const lists = {
    attribute: [],
    attributeProto: [],
    opsetImport: [],
    valueInfo: [],
    metadataProps: [],
  };
  return { name, domain: 'own', input: ['a'], output: ['o0'], node: nodes, ...lists };
}

/** Protobuf by hand: field `number` of wire type 2. */
export function delimited(number: number, content: Uint8Array | number[]): Uint8Array {
  const head = [number * 8 + 2, ...varint(content.length)];
  const all = new Uint8Array(head.length + content.length);
  all.set(head);
  all.set(content, head.length);
  return all;
}

export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

export function nested(levels: readonly number[], depth: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < depth; i++) inner = delimited(levels[i % levels.length] as number, inner);
  return inner;
}

export function filled(unit: readonly number[], megabytes: number): Uint8Array {
  const all = new Uint8Array(Math.floor((megabytes * 2 ** 20) / unit.length) * unit.length);
  all.set(unit);
  for (let done = unit.length; done < all.length; done *= 2) all.copyWithin(done, 0, done);
  return all;
}
