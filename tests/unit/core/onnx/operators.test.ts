// Every row of the operator table against ONNX Runtime: one-node models are run, and the types of their outputs compared with
// the inferred ones, once from the concrete shapes of the inputs and once from names of axes.
import { describe, expect, test } from 'vitest';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { constantType } from '../../../../core/onnx/constant-type.js';
import { inferTypes } from '../../../../core/onnx/infer.js';
import { makeGraph, makeModel, makeNode, makeTensor, makeValueInfo } from '../../../../core/onnx/make.js';
import { inferCall } from '../../../../core/onnx/operators/call.js';
import { OPERATORS, type OperatorName } from '../../../../core/onnx/operators/table.js';
import type { ModelProto, NodeProto } from '../../../../core/onnx/proto.js';
import type { Dim, TensorType, Value } from '../../../../core/onnx/shape.js';
import { evaluateDim } from '../../../../core/onnx/symbolic.js';
import { Session, type TensorValue } from '../../../../runtime/session.js';
import type { OperatorCase } from './operator-case.js';
import { CASES } from './operator-cases.js';

const NAMES = Object.keys(OPERATORS) as OperatorName[];
const SETTINGS = { provider: 'cpu', threads: 1, optimisation: 'disabled' } as const;
/** Cases in which a size depends on the contents of a fed tensor or on what a body does: an axis stays unknown. */
const DATA_DEPENDENT: Partial<Record<OperatorName, readonly number[]>> = {
  'com.microsoft.GroupQueryAttention': [0],
  ConstantOfShape: [2],
  Expand: [1],
  If: [0],
  Loop: [0, 1],
  NonZero: [0],
  Pad: [2],
  Range: [2, 3],
  Reshape: [4],
  Scan: [0],
  Slice: [4],
  Split: [4],
  Tile: [1],
  TopK: [1],
  Unsqueeze: [1],
};
/** Sizes get names, equal ones the same: `s3`. */
const SIZES = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`s${n}`, n]));

function nodeOf(name: OperatorName, { inputs, attributes = {}, outputs = 1 }: OperatorCase): NodeProto {
  const { domain } = OPERATORS[name];
  return makeNode(name.split('.').at(-1) ?? name, {
    input: inputs.map((input, i) => (input ? `in${i}` : '')),
    output: Array.from({ length: outputs }, (_, i) => `out${i}`),
    attributes,
    ...(domain !== undefined && { domain }),
  });
}

function modelOf(node: NodeProto, operatorCase: OperatorCase, named: boolean): ModelProto {
  const dims = (shape: readonly number[]): Dim[] => shape.map((size) => (named && size > 1 ? `s${size}` : size));
  const all = operatorCase.inputs.flatMap((input, i) => (input ? [{ ...input, name: `in${i}` }] : []));
  const graph = makeGraph({
    input: all
      .filter((input) => !input.stored)
      .map(({ name, value }) => makeValueInfo(name, value.dtype, dims(value.dims))),
    initializer: all.filter((input) => input.stored).map(({ name, value }) => makeTensor(name, value)),
    node: [node],
    output: node.output.map((name) => ({ name, metadataProps: [] })),
  });
  const model = makeModel(graph, operatorCase.opset ?? 20);
  return { ...model, opsetImport: [...model.opsetImport, { domain: 'com.microsoft', version: 1 }] };
}

async function compute(model: ModelProto, operatorCase: OperatorCase): Promise<TensorValue[]> {
  const session = await Session.create(joinChunks(encodeModel(model)), SETTINGS);
  try {
    const feeds = operatorCase.inputs.flatMap((input, i) =>
      input && !input.stored ? [[`in${i}`, input.value] as const] : [],
    );
    const results = await session.run(Object.fromEntries(feeds));
    return session.outputs.map((name) => results[name] as TensorValue);
  } finally {
    await session.release();
  }
}

/** The node's types as the builder asks for them: strictly, from concrete shapes. */
function inferStrictly(node: NodeProto, operatorCase: OperatorCase, name: OperatorName) {
  let unknown = 0;
  const inputs = operatorCase.inputs.map((input, i): Value | null => {
    if (!input) return null;
    const { dtype, dims } = input.value;
    const contents = input.stored ? constantType(makeTensor('', input.value)) : null;
    return { dtype, shape: dims, ...contents, name: `in${i}` };
  });
  return inferCall(
    OPERATORS[name],
    { node, inputs },
    {
      opset: operatorCase.opset ?? 20,
      sizeOf: (dim) => evaluateDim(dim, {}),
      unknownDim: () => `?${unknown++}`,
    },
  );
}

/** Fails unless the inferred type holds for the tensor; unknown axes hold for any. Returns whether all axes were known. */
function expectHolds(type: TensorType | undefined, actual: TensorValue): boolean {
  expect(type?.dtype).toBe(actual.dtype);
  if (!type?.shape) return false;
  const sizes = type.shape.map((dim) => evaluateDim(dim, SIZES));
  expect(type.shape).toHaveLength(actual.dims.length);
  expect(sizes).toEqual(actual.dims.map((size, axis) => (sizes[axis] === null ? null : size)));
  if (type.values) expect(type.values.map((v) => evaluateDim(v, SIZES))).toEqual(Array.from(actual.data, Number));
  return !sizes.includes(null);
}

describe.each(NAMES)('%s', (name) => {
  const cases = CASES[name];
  if (typeof cases === 'string') {
    test(`cannot run here: ${cases}`, () => {
      expect(cases).toMatch(/\w+ \w+/);
    });
    return;
  }
  test.each(cases.map((each, i) => [i, each] as const))(
    'infers the types that ONNX Runtime computes, case %i',
    async (index, operatorCase) => {
      const node = nodeOf(name, operatorCase);
      const actual = await compute(modelOf(node, operatorCase, false), operatorCase);
      const types = inferStrictly(node, operatorCase, name);
      expect(types).toHaveLength(actual.length);
      const known = actual.map((tensor, i) => expectHolds(types[i], tensor));
      expect(known.every(Boolean)).toBe(DATA_DEPENDENT[name]?.includes(index) !== true);
      const fromNames = inferTypes(modelOf(node, operatorCase, true));
      actual.forEach((tensor, i) => expectHolds(fromNames.get(`out${i}`), tensor));
    },
  );
});

test('every operator has a case', () => {
  expect(Object.keys(CASES).sort()).toEqual([...NAMES].sort());
});
