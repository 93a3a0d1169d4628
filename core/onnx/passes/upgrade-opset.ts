// The same model in opset 20, so that derivatives and edits meet one form of every operator. Newer models are left alone.
// requires: a model that decodeModel returned, opset 13 or newer. ensures: the same function of the inputs; no functions left
// where anything was changed; reductions take their axes as an input, Split names its sizes or their number.
// Source: the ONNX changelog, versions 14 to 20 of every operator (schemas in tests/golden/onnx/operator-schemas.json).
import { InputError } from '../../../schemas/errors.js';
import { graphOf } from '../cut.js';
import type { AttributeProto, ModelProto, NodeProto } from '../proto.js';
import { inlineFunctions } from './inline-functions.js';
import { IntegerPool } from './integer-pool.js';
import { mapNodes, namesOf } from './map-nodes.js';

const TARGET = 20;
const OLDEST = 13;
/** IR version in which opset 20 appeared. */
const IR_VERSION = 9;

/** Took their axes as an attribute before opset 18. ReduceSum has an input since 13. */
const REDUCTIONS = new Set([
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
]);

/** Operators outside the table whose meaning changed, with the opset of the change. */
const CHANGED: Readonly<Record<string, number>> = { DFT: 20, GridSample: 20, RoiAlign: 16 };

/** The opset of standard operators that the model says. @throws InputError where it says none */
export function opsetOf(model: ModelProto): number {
  const standard = model.opsetImport.find(({ domain = '' }) => ['', 'ai.onnx'].includes(domain));
  if (standard?.version !== undefined) return standard.version;
  throw new InputError('Expected a model that says its opset, found none. The file is damaged: export it anew.');
}

/**
 * The model in opset 20.
 * 1. Opset 20 or newer: the model itself.
 * 2. Functions are inlined.
 * 3. Reductions before opset 18: the axes become a stored tensor, equal axes the same one.
 * 4. Split before opset 18 without sizes: the number of outputs becomes an attribute.
 * All other operators of the table mean the same from opset 13 to 20: new element types, and attributes with old defaults.
 * @throws InputError below opset 13, and for operators outside the table that changed in between.
 */
export function upgradeOpset(model: ModelProto): ModelProto {
  const opset = opsetOf(model);
  if (opset >= TARGET) return model;
  if (opset < OLDEST) {
    throw new InputError(
      `Expected a model of opset ${OLDEST} or newer, got opset ${opset}. Export it anew with opset ${TARGET}.`,
      { opset, oldest: OLDEST },
    );
  }
  const flat = inlineFunctions(model);
  const graph = graphOf(flat);
  // They lie in the outermost graph, where every subgraph sees them.
  const axes = new IntegerPool('axes', namesOf(graph));
  const upgraded = mapNodes(graph, (node) => upgradeNode(node, opset, axes));
  const opsetImport = flat.opsetImport.map((set) =>
    ['', 'ai.onnx'].includes(set.domain ?? '') ? { ...set, version: TARGET } : set,
  );
  return {
    ...flat,
    irVersion: Math.max(flat.irVersion ?? 0, IR_VERSION),
    opsetImport,
    graph: { ...upgraded, initializer: [...upgraded.initializer, ...axes.tensors] },
  };
}

function upgradeNode(node: NodeProto, opset: number, axes: IntegerPool): NodeProto {
  const { domain = '', opType = '' } = node;
  if (domain !== '' && domain !== 'ai.onnx') return node;
  const changed = Object.hasOwn(CHANGED, opType) ? CHANGED[opType] : undefined;
  if (changed !== undefined && opset < changed) {
    throw new InputError(
      `Expected operators that mean the same from opset ${opset} to ${TARGET}, node "${node.name ?? ''}" is ${opType}, which changed in ${changed}. Export the model anew with opset ${TARGET}.`,
      { node: node.name, operator: opType, opset },
    );
  }
  if (opset >= 18) return node;
  if (REDUCTIONS.has(opType)) return withAxesInput(node, axes);
  return opType === 'Split' ? withCount(node) : node;
}

function withAxesInput(node: NodeProto, axes: IntegerPool): NodeProto {
  const given = node.attribute.find((attribute) => attribute.name === 'axes');
  if (given === undefined) return node;
  const attribute = node.attribute.filter((other) => other !== given);
  // No axes mean all of them, in both forms.
  if (given.ints.length === 0) return { ...node, attribute };
  return { ...node, attribute, input: [...node.input, axes.name(given.ints.map(Number))] };
}

function withCount(node: NodeProto): NodeProto {
  if (node.input[1] !== undefined && node.input[1] !== '') return node;
  const count: AttributeProto = {
    name: 'num_outputs',
    i: node.output.length,
    type: 2,
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
  };
  return { ...node, attribute: [...node.attribute, count] };
}
