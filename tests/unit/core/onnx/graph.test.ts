// Cutting a graph keeps exactly what is needed and still runs; the index refuses broken graphs; external data are
// listed, moved and fed.
import { describe, expect, it } from 'vitest';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { cutToTensors, elementType, graphOf } from '../../../../core/onnx/cut.js';
import { externalReferences, referStoredWeights, relocate } from '../../../../core/onnx/external-data.js';
import { capturedNames, indexGraph } from '../../../../core/onnx/graph-index.js';
import {
  makeExternalTensor,
  makeGraph,
  makeInt64,
  makeModel,
  makeNode,
  makeTensor,
  makeValueInfo,
} from '../../../../core/onnx/make.js';
import type { ModelProto } from '../../../../core/onnx/proto.js';
import { constantTensor, integerValues } from '../../../../core/onnx/tensor-values.js';
import { Session } from '../../../../runtime/session.js';
import { InputError } from '../../../../schemas/errors.js';
import { tinyTransformer } from './fixture-models.js';

const CPU = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

/** y = If(flag) then x + a else x · b, where a and b are captured from outside; z is not needed by y. */
function branching(): ModelProto {
  const float = (name: string): ReturnType<typeof makeValueInfo> => makeValueInfo(name, 'float32', [2]);
  const branch = (opType: string, other: string): ReturnType<typeof makeGraph> =>
    makeGraph({
      name: other,
      node: [makeNode(opType, { input: ['x', other], output: [`out_${other}`] })],
      output: [float(`out_${other}`)],
    });
  return makeModel(
    makeGraph({
      node: [
        makeNode('Neg', { input: ['x'], output: ['a'] }),
        makeNode('Abs', { input: ['w'], output: ['b'] }),
        makeNode('Exp', { input: ['unused'], output: ['z'] }),
        makeNode('If', {
          input: ['flag'],
          output: ['y'],
          attributes: { then_branch: branch('Add', 'a'), else_branch: branch('Mul', 'b') },
        }),
        makeNode('Relu', { input: ['y'], output: ['last'] }),
      ],
      input: [makeValueInfo('flag', 'bool', []), float('x'), float('more')],
      output: [float('last'), float('z')],
      initializer: [
        makeTensor('w', { dims: [2], data: Float32Array.of(-2, 3) }),
        makeTensor('unused', { dims: [2], data: Float32Array.of(0, 0) }),
      ],
    }),
  );
}

describe('cutting a graph', () => {
  it('keeps what the wanted tensors need, also what subgraphs take from outside, and nothing else', () => {
    const cut = cutToTensors(branching(), [{ tensor: 'y' }]);
    const graph = graphOf(cut.model);
    expect(graph.node.map((n) => n.opType)).toEqual(['Neg', 'Abs', 'If']);
    expect(graph.initializer.map((t) => t.name)).toEqual(['w']);
    expect(cut.inputs).toEqual(['flag', 'x']);
    expect(graph.output.map((o) => o.name)).toEqual(['y']);
    expect(capturedNames(graph.node[2]?.attribute[0]?.g ?? graph)).toEqual(['x', 'a']);
  });

  it('gives a model that runs, with outputs whose types ONNX Runtime infers and with a Cast where asked', async () => {
    const cut = cutToTensors(branching(), [{ tensor: 'y' }, { tensor: 'a', castTo: 'float16' }]);
    const session = await Session.create(joinChunks(encodeModel(cut.model)), CPU);
    const x = { dtype: 'float32', dims: [2], data: Float32Array.of(1, 2) } as const;
    const run = async (flag: number): Promise<unknown> => {
      const feeds = { x, flag: { dtype: 'bool', dims: [], data: Uint8Array.of(flag) } } as const;
      return (await session.run(feeds))['y']?.data;
    };
    expect(await run(1)).toEqual(Float32Array.of(0, 0));
    expect(await run(0)).toEqual(Float32Array.of(2, 6));
    const both = await session.run({
      x,
      flag: { dtype: 'bool', dims: [], data: Uint8Array.of(1) },
    });
    expect(both['a/float16']).toEqual({
      dtype: 'float16',
      dims: [2],
      data: Uint16Array.of(0xbc00, 0xc000),
    });
    await session.release();
  });

  it('declares an output wanted twice once', () => {
    const cut = cutToTensors(branching(), [{ tensor: 'y' }, { tensor: 'y' }]);
    expect(cut.outputs).toEqual(['y', 'y']);
    expect(graphOf(cut.model).output).toHaveLength(1);
  });

  it('is idempotent', () => {
    const once = cutToTensors(branching(), [{ tensor: 'y' }]);
    const twice = cutToTensors(once.model, [{ tensor: 'y' }]);
    expect(twice.model).toEqual(once.model);
  });

  it('refuses a tensor that no node makes', () => {
    expect(() => cutToTensors(branching(), [{ tensor: 'nope' }])).toThrow(
      'Expected a tensor that a node of the model makes, found none called "nope".',
    );
  });

  it('tells the element type of a tensor through operators that keep it', () => {
    const index = indexGraph(graphOf(tinyTransformer()));
    const last = graphOf(tinyTransformer()).node.at(-2)?.output[0] ?? '';
    expect(elementType(index, last)).toBe(1);
    expect(elementType(index, 'input_ids')).toBe(7);
    expect(elementType(indexGraph(graphOf(branching())), 'y')).toBe(null);
  });
});

describe('the graph index', () => {
  it('refuses a node that reads what comes later', () => {
    const { node, ...rest } = graphOf(branching());
    expect(() => indexGraph({ ...rest, node: [...node].reverse() })).toThrow(
      'node "last/node" (Relu) reads "y", which no earlier node, input or initializer makes.',
    );
  });

  it('refuses a tensor that is made twice', () => {
    const { node, ...rest } = graphOf(branching());
    const again = makeNode('Neg', { input: ['x'], output: ['w'] });
    expect(() => indexGraph({ ...rest, node: [...node, again] })).toThrow(InputError);
    expect(() => indexGraph({ ...rest, node: [...node, again] })).toThrow('(Neg) makes "w" again');
  });

  it('finds constants behind Constant and Identity nodes and reads their integers in every encoding', () => {
    const typed = { ...makeInt64('typed', [0]), int64Data: [4, -5n] };
    const { rawData: _raw, ...unpacked } = typed;
    const graph = makeGraph({
      node: [
        makeNode('Constant', {
          input: [],
          output: ['c'],
          attributes: { value: makeInt64('', [7, -8]) },
        }),
        makeNode('Identity', { input: ['c'], output: ['same'] }),
        makeNode('Neg', { input: ['same'], output: ['other'] }),
      ],
      output: [],
      initializer: [unpacked, makeTensor('narrow', { dims: [2], data: Int32Array.of(1, -2) })],
    });
    const index = indexGraph(graph);
    const read = (name: string): unknown => {
      const tensor = constantTensor(index, name);
      return tensor && integerValues(tensor);
    };
    expect(read('same')).toEqual([7, -8]);
    expect(read('typed')).toEqual([4, -5]);
    expect(read('narrow')).toEqual([1, -2]);
    expect(read('other')).toBe(null);
    expect(_raw).toHaveLength(8);
  });
});

describe('external data', () => {
  const at = { dtype: 'float32', location: 'w.bin', offset: 64, length: 8 } as const;

  function withExternal(change: Record<string, string> = {}): ModelProto {
    const tensor = makeExternalTensor('w', [2], at);
    const externalData = tensor.externalData.map((e) => ({
      ...e,
      value: change[e.key ?? ''] ?? e.value ?? '',
    }));
    const inner = makeGraph({
      node: [],
      output: [],
      initializer: [{ ...tensor, name: 'inner', externalData }],
    });
    return makeModel(
      makeGraph({
        node: [makeNode('If', { input: ['w'], output: ['y'], attributes: { then_branch: inner } })],
        output: [],
        initializer: [{ ...tensor, externalData }],
      }),
    );
  }

  it('is listed from initializers and subgraphs, and moved in both', () => {
    const moved = relocate(withExternal(), (location) => `cache/${location}`);
    expect(externalReferences(moved)).toEqual([
      { tensor: 'w', location: 'cache/w.bin', offset: 64, length: 8 },
      { tensor: 'inner', location: 'cache/w.bin', offset: 64, length: 8 },
    ]);
  });

  it.each([{ offset: '-1' }, { offset: 'x' }, { length: '1e99' }, { location: '' }])('is refused with %o', (change) => {
    expect(() => externalReferences(withExternal(change))).toThrow(
      'Expected location, offset and length of external weights, tensor "w"',
    );
  });

  it('can stand for weights inside the file, from which a session then loads them', () => {
    const file = Uint8Array.from([9, 9, 9, ...new Uint8Array(Float32Array.of(5, 6).buffer)]);
    const tensor = {
      ...makeTensor('w', { dims: [2], data: Float32Array.of(0, 0) }),
      rawData: file.subarray(3),
    };
    const model = makeModel(makeGraph({ node: [], output: [], initializer: [tensor] }));
    const mapped = referStoredWeights(model, { file, location: 'm.onnx', leastBytes: 8 });
    expect(externalReferences(mapped)).toEqual([{ tensor: 'w', location: 'm.onnx', offset: 3, length: 8 }]);
    expect(graphOf(mapped).initializer[0]?.rawData).toBe(undefined);
    expect(referStoredWeights(model, { file, location: 'm.onnx', leastBytes: 9 })).toEqual(model);
  });
});
