// What a row of the operator table says, and what it sees. One row per ONNX operator: its attributes, how many inputs and
// outputs it takes, and what the types of its outputs are. Both the builder and the inference over foreign graphs use it.
import type { Dim, TensorType, Value } from '../shape.js';
import type { AttributeProto } from '../proto.js';

/** Attributes of a node by name, read with the operator's default. */
export interface Attributes {
  int(name: string, otherwise: number): number;
  /** Null where the attribute is absent. */
  ints(name: string): readonly number[] | null;
  float(name: string, otherwise: number): number;
  text(name: string, otherwise: string): string;
  has(name: string): boolean;
  raw(name: string): AttributeProto | null;
}

/** One use of an operator, as its row sees it. */
export interface OperatorCall {
  readonly opType: string;
  /** Null: an optional input that is left out. */
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;
  /** Number of outputs asked for. */
  readonly outputs: number;
  readonly opset: number;
  /** The number behind a size, where it is known. */
  sizeOf(dim: Dim): number | null;
  /** A size that nothing is known of. */
  unknownDim(): Dim;
  /** Foreign graph: two different names in one axis are taken for one size instead of failing. */
  readonly lenient?: boolean;
  /** Types of the outputs of a body (an attribute of kind `graph`), where somebody inferred them; else its declarations hold. */
  bodyOutputs?(attribute: string): readonly (TensorType | null)[] | null;
  /** @throws InputError: the operator with its inputs' types, what was expected and what was got. */
  fail(expected: string, got: string): never;
}

export type AttributeKind = 'int' | 'ints' | 'float' | 'floats' | 'string' | 'strings' | 'tensor' | 'graph';

export interface OperatorRow {
  /** '' (default) for standard ONNX, else e.g. `com.microsoft`. */
  readonly domain?: string;
  readonly inputs: { readonly min: number; readonly max: number };
  readonly outputs: { readonly min: number; readonly max: number };
  readonly attributes: Readonly<Record<string, AttributeKind>>;
  /** Types of the outputs, one per output asked for. */
  readonly infer: (call: OperatorCall) => readonly TensorType[];
}
