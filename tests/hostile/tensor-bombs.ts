// Tensors made to cost much or to go beyond their bytes: each says whether it may be read.
import { makeInt64, makeTensor, makeValueInfo } from '../../core/onnx/make.js';
import type { TensorProto } from '../../core/onnx/proto.js';
import { type Bomb, X, bytesOf, node, times, chain } from './bomb-parts.js';

function tensor(change: Partial<TensorProto>): Uint8Array {
  const good = makeTensor('w', { dims: [2, 2], data: new Float32Array(4) });
  const changed = { ...good, ...change };
  return bytesOf({ node: [node('MatMul', [['x', 'w'], 'y'])], initializer: [changed] });
}

/** Tensors whose data, shape or type do not fit each other. */
export const TENSOR_BOMBS: readonly Bomb[] = [
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
