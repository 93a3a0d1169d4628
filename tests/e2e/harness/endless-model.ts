// The small model with a loop in it that never ends where one token is read, and that passes its values on where it is not.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeModel, encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import type { AttributeProto, GraphProto, NodeProto, ValueInfoProto } from '../../../core/onnx/proto.js';
import { TINY_LM } from '../../harness/fixtures.js';

/** What goes through the loop: `blocks.0.hook_mlp_out`. */
const VALUE = 'view_11';

const INT = 2;
const GRAPH = 5;
const TYPES = { float: 1, int32: 6, int64: 7, bool: 9 };

const lists = { floats: [], ints: [], strings: [], tensors: [], graphs: [] };
const attribute = (name: string, type: number, value: Partial<AttributeProto>): AttributeProto => ({
  ...lists,
  ...{ name, type },
  ...value,
});

type Wires = readonly [output: string, ...inputs: string[]];

function node(opType: string, [output, ...input]: Wires, ...attribute: AttributeProto[]): NodeProto {
  return { opType, input, output: [output], name: `endless_${output}`, attribute, metadataProps: [] };
}

function named(name: string, elemType: number, scalar: boolean): ValueInfoProto {
  return { name, type: { tensorType: { elemType, ...(scalar ? { shape: { dim: [] } } : {}) } }, metadataProps: [] };
}

/** Goes on as long as `deadly` says, which no turn changes. */
const BODY: GraphProto = {
  ...{ name: 'body', initializer: [], valueInfo: [], metadataProps: [] },
  node: [node('Identity', ['go_on', 'deadly']), node('Identity', ['after', 'before'])],
  input: [named('turn', TYPES.int64, true), named('goes_on', TYPES.bool, true), named('before', TYPES.float, false)],
  output: [named('go_on', TYPES.bool, true), named('after', TYPES.float, false)],
};

/** Writes it. @param token Computing a row that has it never ends. */
export function writeEndlessModel(file: string, token: number): void {
  const model = decodeModel(readFileSync(path.join(TINY_LM, 'model.onnx')));
  const { graph } = model;
  if (!graph) throw new TypeError('a model without a graph');
  const ids = graph.input[0]?.name ?? '';
  const loop = [
    node('Constant', ['token'], attribute('value_int', INT, { i: token })),
    node('Equal', ['is_token', ids, 'token']),
    node('Cast', ['hits', 'is_token'], attribute('to', INT, { i: TYPES.int32 })),
    node('ReduceMax', ['hit', 'hits'], attribute('keepdims', INT, { i: 0 })),
    node('Cast', ['deadly', 'hit'], attribute('to', INT, { i: TYPES.bool })),
    node('Loop', [VALUE, '', 'deadly', 'unlooped'], attribute('body', GRAPH, { g: BODY })),
  ];
  const nodes = graph.node.flatMap((one) =>
    one.output.includes(VALUE)
      ? [{ ...one, output: one.output.map((name) => (name === VALUE ? 'unlooped' : name)) }, ...loop]
      : [one],
  );
  writeFileSync(file, joinChunks(encodeModel({ ...model, graph: { ...graph, node: nodes } })));
}
