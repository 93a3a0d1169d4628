// Files made to cost memory or time, or to go round in circles: small in bytes or in ideas, large in what a careless reader
// makes of them. Each says whether it may be read; all must end soon and in little memory.
import { encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { makeGraph, makeInt64, makeModel, makeNode, makeTensor, makeValueInfo } from '../../core/onnx/make.js';
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

const MANY = 60_000;
const X: ValueInfoProto = makeValueInfo('x', 'float32', ['n']);
const Y: ValueInfoProto = makeValueInfo('y', 'float32');
const IDS = makeValueInfo('input_ids', 'int64', ['batch', 'pos']);
const TABLE = makeTensor('wte', { dims: [8, 4], data: new Float32Array(32) });

interface Parts {
  readonly node: readonly NodeProto[];
  readonly input?: readonly ValueInfoProto[];
  readonly output?: readonly ValueInfoProto[];
  readonly initializer?: readonly TensorProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
  readonly functions?: readonly FunctionProto[];
}

function bytesOf({ functions = [], valueInfo = [], ...parts }: Parts): Uint8Array {
  const graph = makeGraph({ input: [X], output: [Y], ...parts });
  const model: ModelProto = { ...makeModel({ ...graph, valueInfo }), functions };
  return joinChunks(encodeModel(model));
}

function node(opType: string, [input, output]: readonly [readonly string[], string], attributes = {}): NodeProto {
  return makeNode(opType, { input, output: [output], attributes, name: '' });
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** x0 = first, x_{i+1} = op(x_i …). */
function chain(
  count: number,
  [first, opType]: readonly [string, string],
  inputs: (before: string) => string[],
): NodeProto[] {
  return times(count, (i) => node(opType, [inputs(i === 0 ? first : `c${i - 1}`), `c${i}`]));
}

/** A token embedding, so that the resolver starts, and then the given nodes on `e`, ending in `y`. */
function behindEmbedding(nodes: readonly NodeProto[], initializer: readonly TensorProto[] = []): Uint8Array {
  const embed = node('Gather', [['wte', 'input_ids'], 'e']);
  return bytesOf({ node: [embed, ...nodes], input: [IDS], initializer: [TABLE, ...initializer] });
}

/** A graph attribute. */
function subgraph(name: string, g: GraphProto): AttributeProto {
  return { name, g, type: 5, floats: [], ints: [], strings: [], tensors: [], graphs: [] };
}

/** Loops in loops, `depth` deep, with a few nodes in the innermost. */
function nestedLoops(depth: number): NodeProto {
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

function definition(name: string, calls: readonly string[]): FunctionProto {
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
function delimited(number: number, content: Uint8Array | number[]): Uint8Array {
  const head = [number * 8 + 2, ...varint(content.length)];
  const all = new Uint8Array(head.length + content.length);
  all.set(head);
  all.set(content, head.length);
  return all;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

function nested(levels: readonly number[], depth: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(0);
  for (let i = 0; i < depth; i++) inner = delimited(levels[i % levels.length] as number, inner);
  return inner;
}

function filled(unit: readonly number[], megabytes: number): Uint8Array {
  const all = new Uint8Array(Math.floor((megabytes * 2 ** 20) / unit.length) * unit.length);
  all.set(unit);
  for (let done = unit.length; done < all.length; done *= 2) all.copyWithin(done, 0, done);
  return all;
}

const TOO_MUCH = /more messages, names and numbers than 512 MiB hold/;

/** Messages: depth, number, declared lengths. */
const WIRE_BOMBS: readonly Bomb[] = [
  {
    name: 'subgraphs nested 70 deep',
    bytes: () => delimited(7, nested([6, 5, 1], 210)),
    refusal: /nested more than 64 deep/,
  },
  {
    name: 'types nested 3,000 deep',
    bytes: () => delimited(7, delimited(11, delimited(2, nested([1, 4], 6000)))),
    refusal: /nested more than 64 deep/,
  },
  { name: 'four million empty nodes', bytes: () => delimited(7, filled([0x0a, 0], 8)), refusal: TOO_MUCH },
  {
    name: 'thirteen million empty names',
    bytes: () => delimited(7, delimited(1, filled([0x0a, 0], 26))),
    refusal: TOO_MUCH,
  },
  {
    name: '36 million packed integers',
    bytes: () => delimited(7, delimited(5, delimited(7, filled([1], 36)))),
    refusal: TOO_MUCH,
  },
  { name: 'five million unknown fields', bytes: () => delimited(7, filled([0x98, 6, 1], 16)), refusal: TOO_MUCH },
  {
    name: 'packed floats of a declared length of 4 GiB',
    bytes: () => delimited(7, delimited(5, [0x22, 0xff, 0xff, 0xff, 0xff, 0x0f, 1])),
    refusal: /a field of 4294967295 bytes where 1 are left/,
  },
  {
    name: 'packed floats that end in the middle of one',
    bytes: () => delimited(7, delimited(5, delimited(4, [1, 2, 3, 4, 5]))),
    refusal: /5 bytes of numbers of 4 bytes each/,
  },
  {
    name: 'a text of 65 MiB',
    bytes: () => delimited(7, delimited(10, filled([65], 65))),
    refusal: /a text of 68157440 bytes/,
  },
  {
    name: 'a field number that parsers of 32 bits take for another',
    bytes: () => Uint8Array.of(0x82, 0x80, 0x80, 0x80, 0x70, 0, 0x3a, 0),
    refusal: /the field number 3758096384/,
  },
  {
    name: 'an enumeration that parsers of 32 bits take for another',
    bytes: () => delimited(7, delimited(5, [0x70, 0x81, 0x80, 0x80, 0x80, 0x10])),
    refusal: /the integer 4294967297, which is out of range/,
  },
];

const LONG = 'n'.repeat(1_000_000);

/** Graphs that are large, out of order or name things twice. */
const GRAPH_BOMBS: readonly Bomb[] = [
  {
    name: 'a chain of 60,000 nodes',
    bytes: () => behindEmbedding([...chain(MANY, ['e', 'Relu'], (x) => [x]), node('Relu', [[`c${MANY - 1}`], 'y'])]),
    refusal: null,
  },
  {
    name: 'additions that all lead back to the embedding',
    bytes: () =>
      behindEmbedding([
        ...chain(MANY / 2, ['e', 'Relu'], (x) => [x]),
        ...times(MANY / 2, (i) => node('Add', [[`c${MANY / 2 - 1}`, i === 0 ? 'e' : `a${i - 1}`], `a${i}`])),
        node('Relu', [[`a${MANY / 2 - 1}`], 'y']),
      ]),
    refusal: null,
  },
  {
    name: '30,000 sums of a deep tensor and the embedding',
    bytes: () =>
      behindEmbedding([
        ...chain(MANY / 2, ['e', 'Relu'], (x) => [x]),
        ...times(MANY / 2, (i) => node('Add', [[`c${MANY / 2 - 1}`, 'e'], `a${i}`])),
        node('Concat', [times(MANY / 2, (i) => `a${i}`), 'y'], { axis: 0 }),
      ]),
    refusal: null,
  },
  {
    name: '30,000 aliases of a constant, read 30,000 times',
    bytes: () =>
      behindEmbedding([
        ...chain(MANY / 2, ['wte', 'Identity'], (x) => [x]),
        ...times(MANY / 2, (i) => node('Gather', [[`c${MANY / 2 - 1}`, 'input_ids'], `g${i}`])),
        node('Add', [['e', 'g0'], 'y']),
      ]),
    refusal: null,
  },
  {
    name: '30,000 aliases of the ids',
    bytes: () =>
      behindEmbedding([...chain(MANY / 2, ['input_ids', 'Identity'], (x) => [x]), node('Relu', [['e'], 'y'])]),
    refusal: null,
  },
  {
    name: 'one node with 100,000 inputs',
    bytes: () =>
      behindEmbedding([
        ...times(1000, (i) => node('Relu', [['e'], `r${i}`])),
        node('Concat', [times(100_000, (i) => `r${i % 1000}`), 'y'], { axis: 0 }),
      ]),
    refusal: null,
  },
  {
    name: 'a subgraph that reads 60,000 outer tensors',
    bytes: () =>
      behindEmbedding([
        ...times(60_000, (i) => node('Relu', [['e'], `r${i}`])),
        {
          ...node('If', [['e'], 'y']),
          attribute: [
            subgraph(
              'then_branch',
              makeGraph({
                node: times(60_000, (i) => node('Relu', [[`r${i}`], `s${i}`])),
                output: [makeValueInfo('s0', 'float32')],
              }),
            ),
          ],
        },
      ]),
    refusal: null,
  },
  { name: 'loops in loops, 18 deep', bytes: () => bytesOf({ node: [nestedLoops(18)] }), refusal: null },
  {
    name: 'names of a megabyte each',
    bytes: () =>
      bytesOf({
        node: times(40, (i) => node(`${LONG}${i}`, [['x', i === 0 ? 'x' : `${LONG}${i - 1}`], `${LONG}${i}`])),
      }),
    refusal: /names of at most 4096 characters, found "n+… \(1000001 characters\) …n+0"/,
  },
  {
    name: 'a tensor of a long name that nobody makes',
    bytes: () => bytesOf({ node: [node('Relu', [[LONG], 'y'])] }),
    refusal: /names of at most 4096 characters, found "n+… \(1000000 characters\) …n+"/,
  },
  {
    name: '20,000 inputs of long names',
    bytes: () =>
      bytesOf({
        node: [node('Relu', [['x'], 'y'])],
        input: [X, ...times(20_000, (i) => makeValueInfo(`${'i'.repeat(4000)}${i}`, 'float32'))],
      }),
    refusal: /\(\d+ characters in all\)/,
  },
  {
    name: 'a node that reads itself',
    bytes: () => bytesOf({ node: [node('Add', [['x', 'y'], 'y'])] }),
    refusal: /reads "y", which no earlier node/,
  },
  {
    name: 'two nodes that read each other',
    bytes: () => bytesOf({ node: [node('Relu', [['y'], 'z']), node('Relu', [['z'], 'y'])] }),
    refusal: /reads "y", which no earlier node/,
  },
  {
    name: 'a subgraph that reads what nobody makes',
    bytes: () =>
      bytesOf({
        node: [
          {
            ...node('If', [['x'], 'y']),
            attribute: [
              subgraph(
                'then_branch',
                makeGraph({ node: [node('Relu', [['ghost'], 'z'])], output: [makeValueInfo('z', 'float32')] }),
              ),
            ],
          },
        ],
      }),
    refusal: /reads "ghost", which no earlier node/,
  },
  {
    name: 'two initializers of one name',
    bytes: () =>
      bytesOf({ node: [node('Add', [['x', 'w'], 'y'])], initializer: [makeInt64('w', 1), makeInt64('w', 2)] }),
    refusal: /Expected every initializer to have a name of its own, found two called "w"/,
  },
  {
    name: 'two inputs of one name',
    bytes: () => bytesOf({ node: [node('Relu', [['x'], 'y'])], input: [X, X] }),
    refusal: /Expected every input to have a name of its own, found two called "x"/,
  },
  {
    name: 'a tensor that two nodes make',
    bytes: () => bytesOf({ node: [node('Relu', [['x'], 'y']), node('Neg', [['x'], 'y'])] }),
    refusal: /makes "y" again/,
  },
];

function tensor(change: Partial<TensorProto>): Uint8Array {
  const good = makeTensor('w', { dims: [2, 2], data: new Float32Array(4) });
  const changed = { ...good, ...change };
  return bytesOf({ node: [node('MatMul', [['x', 'w'], 'y'])], initializer: [changed] });
}

/** Tensors whose data, shape or type do not fit each other. */
const TENSOR_BOMBS: readonly Bomb[] = [
  {
    name: 'sizes whose product overflows',
    bytes: () => tensor({ dims: [2 ** 40, 2 ** 40] }),
    refusal: /found 1\.2\d+e\+24 elements in tensor "w" of shape \[1099511627776, 1099511627776\]/,
  },
  { name: 'a negative size', bytes: () => tensor({ dims: [-2, -2] }), refusal: /found the size -2 in tensor "w"/ },
  {
    name: 'raw data shorter than the shape',
    bytes: () => tensor({ rawData: new Uint8Array(15) }),
    refusal: /Expected 16 bytes of raw data in tensor "w" of type 1 and shape \[2, 2\], found 15/,
  },
  {
    name: 'a list of floats longer than the shape',
    bytes: () => {
      const { rawData: _, ...rest } = makeTensor('w', { dims: [2], data: new Float32Array(2) });
      return bytesOf({ node: [node('Add', [['x', 'w'], 'y'])], initializer: [{ ...rest, floatData: [1, 2, 3] }] });
    },
    refusal: /Expected 2 entries in tensor "w" of type 1 and shape \[2\], found 3/,
  },
  {
    name: 'an initializer of 10,000 axes',
    bytes: () =>
      bytesOf({
        node: chain(20_000, ['w', 'Relu'], (x) => [x, 'x'].slice(0, 1)),
        initializer: [{ ...makeTensor('w', { dims: new Array<number>(10_000).fill(1), data: new Float32Array(1) }) }],
      }),
    refusal: null,
  },
  {
    name: 'an input of 100,000 axes that 10,000 additions stretch',
    bytes: () =>
      bytesOf({
        node: chain(10_000, ['x', 'Add'], (x) => [x, 'wide']),
        input: [
          X,
          makeValueInfo(
            'wide',
            'float32',
            times(100_000, (i) => (i % 2 === 0 ? 1 : 'n')),
          ),
        ],
      }),
    refusal: null,
  },
  {
    name: 'a shape of two billion axes',
    bytes: () =>
      bytesOf({
        node: [
          node('Reshape', [['x', 'to'], 'y']),
          node('Expand', [['x', 'to'], 'z']),
          node('Tile', [['x', 'to'], 't']),
        ],
        input: [X, makeValueInfo('to', 'int64', [2 ** 31 - 1])],
      }),
    refusal: null,
  },
  {
    name: 'a vector repeated two billion times',
    bytes: () =>
      bytesOf({
        node: [node('Tile', [['v', 'n'], 'y'])],
        initializer: [makeInt64('v', [1, 2]), makeInt64('n', [2 ** 31 - 1])],
      }),
    refusal: null,
  },
  {
    name: 'a range of nine quadrillion numbers',
    bytes: () =>
      bytesOf({
        node: [node('Range', [['a', 'b', 'c'], 'y']), node('ConstantOfShape', [['d'], 'z'])],
        initializer: [makeInt64('a', 0), makeInt64('b', 2 ** 53 - 1), makeInt64('c', 1), makeInt64('d', [2 ** 53 - 1])],
      }),
    refusal: null,
  },
  {
    name: 'a split into two billion parts',
    bytes: () => bytesOf({ node: [node('Split', [['x'], 'y'], { num_outputs: 2 ** 31 - 1 })] }),
    refusal: null,
  },
  {
    name: 'sizes that are sums of 50,000 names',
    bytes: () =>
      bytesOf({
        node: chain(200, ['x', 'Add'], (x) => [x, 'x']),
        input: [makeValueInfo('x', 'float32', [times(50_000, (i) => `a${i}`).join('+')])],
      }),
    refusal: null,
  },
  {
    name: 'sizes that are products of long sums, multiplied on and on',
    bytes: () =>
      bytesOf({
        node: [
          node('Shape', [['x'], 's']),
          node('Shape', [['z'], 't']),
          ...chain(3000, ['s', 'Mul'], (x) => [x, 't']),
          ...times(3000, (i) => node('Mul', [['s', 't'], `m${i}`])),
        ],
        input: [
          makeValueInfo('x', 'float32', [times(24, (i) => `${'p'.repeat(40)}${i}`).join('+')]),
          makeValueInfo('z', 'float32', [times(24, (i) => `${'q'.repeat(40)}${i}`).join('+')]),
        ],
      }),
    refusal: null,
  },
  {
    name: 'sizes that double 10,000 times',
    bytes: () =>
      bytesOf({
        node: [
          node('Shape', [['x'], 's']),
          ...chain(10_000, ['s', 'Add'], (x) => [x, x]),
          node('Reshape', [['x', 'c9999'], 'y']),
        ],
      }),
    refusal: null,
  },
];

/** Functions and attributes. */
const FUNCTION_BOMBS: readonly Bomb[] = [
  {
    name: 'functions that call each other in a circle',
    bytes: () =>
      bytesOf({
        node: [{ ...node('f', [['x'], 'y']), domain: 'own' }],
        functions: [definition('f', ['g']), definition('g', ['h']), definition('h', ['f'])],
      }),
    refusal: /function "own\.[fgh]" calls itself, directly or through others/,
  },
  {
    name: 'functions that double at every step',
    bytes: () =>
      bytesOf({
        node: [{ ...node('f0', [['x'], 'y']), domain: 'own' }],
        functions: times(60, (i) => definition(`f${i}`, i === 59 ? [] : [`f${i + 1}`, `f${i + 1}`])),
      }),
    refusal: /nodes once functions are expanded, more than 4000000/,
  },
  {
    name: 'a chain of 50,000 functions',
    bytes: () =>
      bytesOf({
        node: [{ ...node('f0', [['x'], 'y']), domain: 'own' }],
        functions: times(50_000, (i) => definition(`f${i}`, i === 49_999 ? [] : [`f${i + 1}`])),
      }),
    refusal: null,
  },
  {
    name: 'an attribute given twice',
    bytes: () =>
      bytesOf({
        node: [
          {
            ...node('Softmax', [['x'], 'y']),
            attribute: [...node('a', [[], 'b'], { axis: 0 }).attribute, ...node('a', [[], 'b'], { axis: 1 }).attribute],
          },
        ],
      }),
    refusal: /has "axis" twice/,
  },
  {
    name: 'attributes of the wrong type',
    bytes: () =>
      bytesOf({
        node: [
          node('Constant', [[], 'k'], { value: 'text' }),
          node('Transpose', [['x'], 't'], { perm: { f: 1 } }),
          node('Cast', [['x'], 'c'], { to: 'float' }),
          node('Softmax', [['t'], 's'], { axis: [1, 2] }),
          node('Gather', [['s', 'k'], 'g'], { axis: makeInt64('', 1) }),
          node('Split', [['g'], 'y'], { axis: { floats: [1] } }),
        ],
      }),
    refusal: null,
  },
  {
    name: 'an attribute of 500,000 axes',
    bytes: () =>
      bytesOf({
        node: [
          node('Transpose', [['x'], 'y'], { perm: times(500_000, (i) => i) }),
          node('Unsqueeze', [['x'], 'z'], { axes: times(500_000, (i) => i) }),
          node('ReduceSum', [['x'], 'r'], { axes: times(500_000, (i) => i) }),
        ],
      }),
    refusal: null,
  },
];

export const BOMBS: readonly Bomb[] = [...WIRE_BOMBS, ...GRAPH_BOMBS, ...TENSOR_BOMBS, ...FUNCTION_BOMBS];
