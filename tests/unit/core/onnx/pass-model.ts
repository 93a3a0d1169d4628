// Small models over two inputs, and the law of passes: the same outputs before and after.
import { graphOf } from '../../../../core/onnx/cut.js';
import { makeGraph, makeModel, makeNode, makeValueInfo, type NodeParts } from '../../../../core/onnx/make.js';
import type { FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto } from '../../../../core/onnx/proto.js';
import type { TensorValue } from '../../../../runtime/session.js';
import { expectSame, runModel } from './run-model.js';

/** A node from `'x two -> sum'`. */
export function op(opType: string, io: string, attributes: NodeParts['attributes'] = {}): NodeProto {
  const [input = [], output = []] = io.split('->').map((names) => names.split(' ').filter(Boolean));
  return makeNode(opType, { input, output, attributes });
}

/** A model over `x` [batch, pos, 4] and the bool `flag`. */
export function model(
  node: NodeProto[],
  {
    output,
    initializer = [],
    opset = 20,
    functions = [],
  }: {
    output: string[];
    initializer?: TensorProto[];
    opset?: number;
    functions?: FunctionProto[];
  },
): ModelProto {
  const graph = makeGraph({
    input: [makeValueInfo('x', 'float32', ['batch', 'pos', 4]), makeValueInfo('flag', 'bool', [])],
    initializer,
    node,
    output: output.map((name) => ({ name, metadataProps: [] })),
  });
  const made = makeModel(graph, opset);
  const domains = [...new Set(functions.map((f) => f.domain ?? ''))];
  return {
    ...made,
    functions,
    opsetImport: [...made.opsetImport, ...domains.map((domain) => ({ domain, version: 1 }))],
  };
}

export const x: TensorValue = {
  dtype: 'float32',
  dims: [2, 3, 4],
  data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i) + 1.5),
};
export const flag = (value: boolean): TensorValue => ({
  dtype: 'bool',
  dims: [],
  data: Uint8Array.of(Number(value)),
});

/** Fails unless both models compute the same, unoptimised and optimised, with the flag set and not. */
export async function expectSameRuns(before: ModelProto, after: ModelProto): Promise<void> {
  for (const value of [true, false]) {
    const feeds = { x, flag: flag(value) };
    const used = (m: ModelProto): Record<string, TensorValue> =>
      Object.fromEntries(Object.entries(feeds).filter(([name]) => graphOf(m).input.some((i) => i.name === name)));
    const expected = await runModel(before, used(before), 'disabled');
    for (const level of ['disabled', 'all'] as const) expectSame(await runModel(after, used(after), level), expected);
  }
}

/** Operators of a graph in order. */
export const ops = (graph: GraphProto): string[] => graph.node.map((node) => node.opType ?? '');
