// Types over foreign graphs: names of axes through chains of shapes, bodies of control flow, and what stays unknown.
import { describe, expect, test } from 'vitest';
import { inferTypes, type InferOptions } from '../../../../core/onnx/infer.js';
import { makeGraph, makeInt64, makeModel, makeTensor, makeValueInfo } from '../../../../core/onnx/make.js';
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from '../../../../core/onnx/proto.js';
import type { Dim } from '../../../../core/onnx/shape.js';
import { op } from './pass-model.js';

interface Parts {
  readonly input?: readonly ValueInfoProto[];
  readonly initializer?: readonly TensorProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
  readonly output?: readonly ValueInfoProto[];
  readonly opset?: number;
}

const tokens = makeValueInfo('ids', 'int64', ['batch', 'pos']);
const stream = makeValueInfo('x', 'float32', ['batch', 'pos', 64]);

function infer(node: readonly NodeProto[], parts: Parts = {}, options: InferOptions = {}) {
  const { input = [tokens, stream], initializer = [], output = [], valueInfo = [], opset } = parts;
  const graph = { ...makeGraph({ node, input, initializer, output }), valueInfo };
  const types = inferTypes(makeModel(graph, opset), options);
  return (name: string): string => {
    const value = types.get(name);
    if (!value) return 'missing';
    const list = (dims: readonly Dim[]): string => dims.map((d) => String(d).replace(/\?\w+/g, '?')).join(' ');
    const shape = value.shape === null ? '…' : list(value.shape);
    return `${value.dtype} [${shape}]${value.values ? ` = ${list(value.values)}` : ''}`;
  };
}

const int = (...values: number[]): TensorProto => makeInt64(`i${values.join('_')}`, values);
const scalar = (value: number): TensorProto => makeInt64(`s${value}`, value);

describe('shapes by name', () => {
  test('the heads of a legacy export keep batch and pos through Shape, Gather, Unsqueeze, Concat and Reshape', () => {
    const type = infer(
      [
        op('Shape', 'x -> shape'),
        op('Gather', 'shape s0 -> b'),
        op('Gather', 'shape s1 -> p'),
        op('Unsqueeze', 'b i0 -> b1'),
        op('Unsqueeze', 'p i0 -> p1'),
        op('Concat', 'b1 p1 i4 i-1 -> target', { axis: 0 }),
        op('Reshape', 'x target -> heads'),
        op('Transpose', 'heads -> moved', { perm: [0, 2, 3, 1] }),
        op('MatMul', 'heads_t moved -> scores'),
        op('Transpose', 'heads -> heads_t', { perm: [0, 2, 1, 3] }),
        op('MatMul', 'heads_t moved -> scores2'),
        op('Mul', 'b p -> rows'),
        op('Unsqueeze', 'rows i0 -> rows1'),
        op('Concat', 'rows1 i-1 -> flat', { axis: 0 }),
        op('Reshape', 'x flat -> y'),
      ],
      { initializer: [scalar(0), scalar(1), int(0), int(4), int(-1)] },
    );
    expect(type('target')).toBe('int64 [4] = batch pos 4 -1');
    expect(type('heads')).toBe('float32 [batch pos 4 16]');
    expect(type('scores')).toBe('missing');
    expect(type('scores2')).toBe('float32 [batch 4 pos pos]');
    expect(type('flat')).toBe('int64 [2] = batch*pos -1');
    expect(type('y')).toBe('float32 [batch*pos 64]');
  });

  test('the target of an expanded mask is chosen by comparing sizes with -1', () => {
    const type = infer(
      [
        op('Shape', 'ids -> shape'),
        op('ConstantOfShape', 'i2 -> ones', { value: makeInt64('', [1]) }),
        op('Mul', 'ones i-1 -> minus'),
        op('Equal', 'shape minus -> open'),
        op('Where', 'open ones shape -> target'),
        op('Expand', 'row target -> wide'),
      ],
      {
        initializer: [int(2), int(-1), makeTensor('row', { dims: [1, 1], data: Float32Array.of(0) })],
      },
    );
    expect(type('open')).toBe('bool [2] = 0 0');
    expect(type('wide')).toBe('float32 [batch pos]');
  });

  test('logic over conditions that are not known stays unknown', () => {
    const type = infer(
      [
        op('Shape', 'x -> shape'),
        op('Greater', 'shape i9 -> long'),
        op('And', 'long long -> both'),
        op('Or', 'long yes -> any'),
      ],
      {
        initializer: [int(9), makeTensor('yes', { dims: [1], data: Uint8Array.of(1), dtype: 'bool' })],
      },
    );
    expect(type('long')).toBe('bool [3] = ? ? 1');
    expect(type('both')).toBe('bool [3] = ? ? 1');
    expect(type('any')).toBe('bool [3] = ? ? 1');
  });

  test('a cache makes sums of names, a slice by a size takes that size, a range counts to it', () => {
    const type = infer(
      [
        op('Concat', 'past x -> all', { axis: 1 }),
        op('Shape', 'all -> shape'),
        op('Gather', 'shape i1 -> total'),
        op('Slice', 'causal i0 total i0 -> rows'),
        op('Slice', 'all i-1 iend i1 -> last'),
        op('Squeeze', 'total i0 -> count'),
        op('Range', 's0 count s1 -> positions'),
        op('Slice', 'all i0 i5 i1 -> some'),
      ],
      {
        input: [
          stream,
          makeValueInfo('past', 'float32', ['batch', 'past', 64]),
          makeValueInfo('causal', 'bool', [1024, 1024]),
        ],
        initializer: [
          int(0),
          int(1),
          int(-1),
          int(5),
          scalar(0),
          scalar(1),
          makeInt64('iend', [Number.MAX_SAFE_INTEGER]),
        ],
      },
    );
    expect(type('all')).toBe('float32 [batch past+pos 64]');
    expect(type('rows')).toBe('bool [past+pos 1024]');
    expect(type('last')).toBe('float32 [batch 1 64]');
    expect(type('positions')).toBe('int64 [past+pos]');
    expect(type('some')).toBe('float32 [batch ? 64]');
  });

  test('a bound that may count from the end leaves its axis open', () => {
    const type = infer(
      [
        op('Shape', 'x -> shape', { start: 1, end: 2 }),
        op('Sub', 'shape i1 -> before'),
        op('Sub', 'shape i9 -> window'),
        op('Slice', 'x before iend i1 -> last'),
        op('Slice', 'x window iend i1 -> recent'),
        op('Slice', 'x n iend i1 -> tail'),
      ],
      {
        input: [stream, makeValueInfo('n', 'int64', [1])],
        initializer: [int(1), int(9), makeInt64('iend', [Number.MAX_SAFE_INTEGER])],
      },
    );
    expect(type('window')).toBe('int64 [1] = pos-9');
    expect(['last', 'recent', 'tail'].map(type)).toEqual([
      'float32 [batch 1 64]',
      'float32 [batch ? 64]',
      'float32 [batch ? 64]',
    ]);
  });

  test('axes are read as attributes of older opsets and as inputs of newer ones', () => {
    const old = infer(
      [
        op('Unsqueeze', 'x -> u', { axes: [0] }),
        op('Squeeze', 'u -> s', { axes: [0] }),
        op('ReduceSum', 'x -> r', { axes: [1], keepdims: 0 }),
        op('Slice', 'x -> c', { starts: [0], ends: [3], axes: [2] }),
        op('Split', 'x -> a b', { axis: 2, split: [16, 48] }),
      ],
      { opset: 11 },
    );
    expect(['u', 's', 'r', 'c', 'a', 'b'].map(old)).toEqual([
      'float32 [1 batch pos 64]',
      'float32 [batch pos 64]',
      'float32 [batch 64]',
      'float32 [batch pos 3]',
      'float32 [batch pos 16]',
      'float32 [batch pos 48]',
    ]);
  });

  test('numbers for names settle what names alone leave open', () => {
    const nodes = [op('Split', 'x -> a b', { axis: 1, num_outputs: 2 })];
    expect(infer(nodes)('a')).toBe('float32 [batch ? 64]');
    expect(infer(nodes, {}, { sizes: { pos: 7 } })('b')).toBe('float32 [batch 3 64]');
  });
});

describe('what the operators do not tell', () => {
  const custom = { ...op('Custom', 'x -> y'), domain: 'example.org' };

  test('an unknown operator leaves its outputs out, unless the file declares them', () => {
    const nodes = [custom, op('Relu', 'y -> z'), op('Relu', 'x -> w')];
    const bare = infer(nodes);
    expect([bare('y'), bare('z'), bare('w')]).toEqual(['missing', 'missing', 'float32 [batch pos 64]']);
    const told = infer(nodes, { valueInfo: [makeValueInfo('y', 'float16', ['batch', 3])] });
    expect([told('y'), told('z')]).toEqual(['float16 [batch 3]', 'float16 [batch 3]']);
    const output = infer(nodes, { output: [makeValueInfo('z', 'float32')] });
    expect(output('z')).toBe('float32 […]');
  });

  test('a declaration fills axes that inference leaves open and overrides none', () => {
    const type = infer([op('NonZero', 'x -> at'), op('Relu', 'x -> r')], {
      valueInfo: [makeValueInfo('at', 'int64', [9, 'hits']), makeValueInfo('r', 'float16', ['other', 'names', 64])],
    });
    expect(type('at')).toBe('int64 [3 hits]');
    expect(type('r')).toBe('float32 [batch pos 64]');
  });

  test('a node that its row refuses leaves its outputs out and does not stop the rest', () => {
    const type = infer([op('MatMul', 'x x -> y'), op('Neg', 'x -> z')], {
      input: [makeValueInfo('x', 'float32', [2, 3])],
    });
    expect([type('y'), type('z')]).toEqual(['missing', 'float32 [2 3]']);
  });

  test('two names that a file gives one size are taken for one', () => {
    const type = infer([op('Add', 'x m -> y')], {
      input: [stream, makeValueInfo('m', 'float32', ['total_length', 1])],
    });
    expect(type('y')).toBe('float32 [batch pos 64]');
  });

  test('axes without a size are unknowns that differ from each other', () => {
    const graph = makeGraph({ node: [], input: [makeValueInfo('x', 'float32', ['', ''])], output: [] });
    const [first, second] = inferTypes(makeModel(graph)).get('x')?.shape ?? [];
    expect(first).toMatch(/^\?/);
    expect(second).toMatch(/^\?/);
    expect(first).not.toBe(second);
  });

  test('an initializer tells more than the input that it fills', () => {
    const type = infer([], {
      input: [makeValueInfo('i3', 'int64')],
      initializer: [int(3)],
    });
    expect(type('i3')).toBe('int64 [1] = 3');
  });
});

describe('bodies', () => {
  const declared = (...names: string[]): ValueInfoProto[] => names.map((name) => makeValueInfo(name, 'float32'));
  const loop = (update: NodeProto[], scanned: string[] = []): GraphProto =>
    makeGraph({
      input: [makeValueInfo('n', 'int64', []), makeValueInfo('go', 'bool', []), ...declared('h')],
      node: [op('Identity', 'go -> goes'), ...update],
      output: [makeValueInfo('goes', 'bool', []), ...declared('next', ...scanned)],
    });

  test('branches see outer values; an axis in which they differ is unknown', () => {
    const branch = (factor: string): GraphProto =>
      makeGraph({ node: [op('MatMul', `x ${factor} -> y`)], output: declared('y') });
    const weight = (name: string, width: number): TensorProto =>
      makeTensor(name, { dims: [64, width], data: new Float32Array(64 * width) });
    const type = infer(
      [
        op('If', 'flag -> same', { then_branch: branch('w'), else_branch: branch('w') }),
        op('If', 'flag -> differs', { then_branch: branch('w'), else_branch: branch('v') }),
      ],
      {
        input: [stream, makeValueInfo('flag', 'bool', [])],
        initializer: [weight('w', 8), weight('v', 9)],
      },
    );
    expect(type('same')).toBe('float32 [batch pos 8]');
    expect(type('differs')).toBe('float32 [batch pos ?]');
    expect(type('y')).toBe('missing');
  });

  test('a carried tensor that grows is unknown along that axis, scanned outputs get the number of rounds', () => {
    const go = makeTensor('true', { dims: [], data: Uint8Array.of(1), dtype: 'bool' });
    const parts = { initializer: [scalar(3), go] };
    const kept = infer([op('Loop', 's3 true x -> last', { body: loop([op('Relu', 'h -> next')]) })], parts);
    expect(kept('last')).toBe('float32 [batch pos 64]');
    const grows = infer(
      [op('Loop', 's3 true x -> last', { body: loop([op('Concat', 'h h -> next', { axis: 1 })]) })],
      parts,
    );
    expect(grows('last')).toBe('float32 [batch ? 64]');
    const rounds = {
      ...op('Loop', '', { body: loop([op('Relu', 'h -> next'), op('Neg', 'h -> seen')], ['seen']) }),
      input: ['s3', '', 'x'],
      output: ['last', 'all'],
    };
    expect(infer([rounds], parts)('all')).toBe('float32 [3 batch pos 64]');
  });

  test('a scanned axis is cut from the inputs of the body and put back on its outputs', () => {
    const body = makeGraph({
      input: declared('state', 'row'),
      node: [op('Add', 'state row -> sum'), op('Neg', 'row -> kept')],
      output: declared('sum', 'kept'),
    });
    const type = infer(
      [op('Scan', 'start x -> end all', { body, num_scan_inputs: 1, scan_input_axes: [1], scan_output_axes: [1] })],
      { input: [stream, makeValueInfo('start', 'float32', ['batch', 64])] },
    );
    expect([type('end'), type('all')]).toEqual(['float32 [batch 64]', 'float32 [batch pos 64]']);
  });
});

test('twenty thousand nodes take time in proportion', () => {
  const chain = Array.from({ length: 5000 }, (_, i) => [
    op('Shape', `h${i} -> shape${i}`),
    op('Gather', `shape${i} i0 -> b${i}`),
    op('Concat', `b${i} i-1 i8 -> target${i}`, { axis: 0 }),
    op('Reshape', `h${i} target${i} -> h${i + 1}`),
  ]).flat();
  const input = [makeValueInfo('h0', 'float32', ['batch', 'pos', 64])];
  const started = performance.now();
  const type = infer(chain, { input, initializer: [int(0), int(-1), int(8)] });
  // About 0.1 s on an idle core; a pass that looks at all nodes for each node would take minutes.
  expect(performance.now() - started).toBeLessThan(5000);
  expect(type('h5000')).toBe('float32 [batch 8*pos 8]');
});
