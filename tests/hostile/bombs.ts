// Files made to cost memory or time, or to go round in circles: small in bytes or in ideas, large in what a careless reader
// makes of them. Each says whether it may be read; all must end soon and in little memory.
import { makeGraph, makeInt64, makeValueInfo } from '../../core/onnx/make.js';
import {
  type Bomb,
  MANY,
  X,
  bytesOf,
  node,
  times,
  chain,
  behindEmbedding,
  subgraph,
  nestedLoops,
  definition,
  delimited,
  nested,
  filled,
} from './bomb-parts.js';
import { TENSOR_BOMBS } from './tensor-bombs.js';

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
