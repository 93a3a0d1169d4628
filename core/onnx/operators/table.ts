// Every operator that the engine knows, one row each, by family. Standard operators go by their ONNX names, others with their
// domain before them. To add one: a row in its family's file, a derivative rule, a case in the operator test.
import type { NodeProto } from '../proto.js';
import { ACTIVATION } from './activation.js';
import { ATTENTION } from './attention.js';
import { COMPARISON } from './comparison.js';
import { CONSTANT } from './constant.js';
import { CONTROL_FLOW } from './control-flow.js';
import { ELEMENTWISE } from './elementwise.js';
import { INDEXING } from './indexing.js';
import { LAYOUT } from './layout.js';
import { LOSS } from './loss.js';
import { MATRIX } from './matrix.js';
import { MICROSOFT } from './microsoft.js';
import { NORMALISATION } from './normalisation.js';
import type { OperatorRow } from './operator.js';
import { QUANTISATION } from './quantisation.js';
import { REDUCTION } from './reduction.js';

const ROWS = {
  ...ACTIVATION,
  ...ATTENTION,
  ...COMPARISON,
  ...CONSTANT,
  ...CONTROL_FLOW,
  ...ELEMENTWISE,
  ...INDEXING,
  ...LAYOUT,
  ...LOSS,
  ...MATRIX,
  ...MICROSOFT,
  ...NORMALISATION,
  ...QUANTISATION,
  ...REDUCTION,
} satisfies Record<string, OperatorRow>;

/** Name of a row: `MatMul`, `com.microsoft.FusedMatMul`. */
export type OperatorName = keyof typeof ROWS;

export const OPERATORS: Readonly<Record<OperatorName, OperatorRow>> = ROWS;

/** The row's name for a node, or null for an operator that the table does not have. */
export function operatorName(node: NodeProto): OperatorName | null {
  const opType = node.opType ?? '';
  const domain = node.domain ?? '';
  // ONNX Runtime registers it in the standard domain; some exporters write its own.
  if (domain === 'com.microsoft' && opType === 'SimplifiedLayerNormalization') return opType;
  const name = domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
  // A name with a dot in the standard domain is no row's.
  if (domain === '' && name.includes('.')) return null;
  return Object.hasOwn(OPERATORS, name) ? (name as OperatorName) : null;
}
