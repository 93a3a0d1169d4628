// What a derivative rule is and what it sees: one call per node, with the cotangents of its outputs, for the cotangents of its
// inputs. Notation in all rules: x inputs, y outputs, dx and dy their cotangents, L the scalar whose gradient is built.
import { InputError } from '../../schemas/errors.js';
import type { GraphBuilder } from '../onnx/builder.js';
import type { Attributes } from '../onnx/operators/operator.js';
import type { NodeProto } from '../onnx/proto.js';
import type { Value } from '../onnx/shape.js';
import type { ShapedExpressions } from './shapes.js';

/** One node on the way back. */
export interface RuleCall {
  readonly g: GraphBuilder;
  readonly k: ShapedExpressions;
  readonly node: NodeProto;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly (Value | null)[];
  readonly attributes: Attributes;
  /** dL/dy by output, at least one of them; null where no gradient arrives. */
  readonly cotangents: readonly (Value | null)[];
  /** Whether the gradient of input i is wanted. */
  needs(i: number): boolean;
  /** Whether a gradient must be 0 where the cotangent is 0, whatever the values there (guards.ts). */
  readonly guarded: boolean;
  /** Whether input i may hold NaN or infinity. */
  risky(i: number): boolean;
  /** The number in a stored scalar that input i is; null where it is not one or not stored in the graph. */
  constant(i: number): number | null;
  /** Ends the differentiation at this node. @throws InputError with operator and node */
  refuse(expected: string, got: string, remedy: string): never;
}

/** dL/dx by input; null or left out where it is zero or not needed. */
export type Rule = (call: RuleCall) => readonly (Value | null)[];

/** A rule, or the reason why there is none. */
export type RuleRow = Rule | { readonly noGradient: string } | { readonly unsupported: string };

/** The row of an operator through which no gradient flows, by its nature. */
export function noGradient(why: string): { readonly noGradient: string } {
  return { noGradient: why };
}

/** The row of an operator that has a derivative which is not built; `why` ends with what to do. */
export function unsupported(why: string): { readonly unsupported: string } {
  return { unsupported: why };
}

/** Input i of the node. @throws InputError where it is left out */
export function inputOf(call: RuleCall, i: number): Value {
  return call.inputs[i] ?? call.refuse(`input ${i}`, 'none', 'Correct the graph.');
}

/** Output i of the node. @throws InputError where it is left out */
export function outputOf(call: RuleCall, i: number): Value {
  return call.outputs[i] ?? call.refuse(`output ${i}`, 'none', 'Correct the graph.');
}

/** The cotangent of the only output. @throws InputError where none arrives */
export function cotangentOf(call: RuleCall, i = 0): Value {
  return call.cotangents[i] ?? call.refuse(`a cotangent of output ${i}`, 'none', 'Correct it.');
}

/** A gradient made of a cotangent dy entry by entry, which is 0 where dy is 0 if the node is guarded; dy may have axes of size 1. */
export function masked({ k, guarded }: RuleCall, dy: Value, gradient: Value): Value {
  return guarded ? k.where(k.compare('Equal', dy, k.c(0, dy)), 0, gradient) : gradient;
}

/** A value that meets whole rows of a cotangent: 0 in rows where all of dy is 0 along the axes, if the node is guarded. */
export function maskedRows(
  { k, guarded }: RuleCall,
  value: Value,
  { dy, axes }: { readonly dy: Value; readonly axes: readonly number[] },
): Value {
  if (!guarded) return value;
  const size = k.op('ReduceL1', [dy, k.g.integers(...axes)], { keepdims: 1 });
  return k.where(k.compare('Equal', size, k.c(0, size)), 0, value);
}

/** Gradients of the inputs, each built only where it is needed. */
export function forNeeded(call: RuleCall, ...build: readonly (() => Value | null)[]): (Value | null)[] {
  return build.map((make, i) => (call.needs(i) ? make() : null));
}

/** The error that ends the differentiation at a node. */
export function refusal(
  { opType = '', name = '' }: NodeProto,
  { expected, got, remedy }: { expected: string; got: string; remedy: string },
): InputError {
  return new InputError(
    `Cannot differentiate ${opType} (node "${name}"): expected ${expected}, got ${got}. ${remedy}`,
    { operator: opType, node: name, expected, got },
  );
}

/** Rank of a value. @throws InputError where it is not known */
export function rankOf(call: RuleCall, value: Value): number {
  return (
    value.shape?.length ??
    call.refuse(`a known rank of "${value.name}"`, 'an unknown one', 'Export the model with declared shapes.')
  );
}

/** An axis attribute as 0 … rank − 1. */
export function axisOf(call: RuleCall, value: Value, axis: number): number {
  return axis < 0 ? axis + rankOf(call, value) : axis;
}
