// What a graph builder is told, and what the graphs inside one share with it.
import type { FloatType } from './float-data.js';
import type { AttributeValue } from './make.js';
import type { GraphProto } from './proto.js';
import type { Dim, TensorType } from './shape.js';

export interface BuilderOptions {
  /** Numbers behind named axes, e.g. `{ d_model: 128 }`. */
  readonly sizes?: Readonly<Record<string, number>>;
  /** Type of scalars whose type is not said; default float32. */
  readonly float?: FloatType;
  /** The graph stands for a user's, who may have what ours may not (racy-scatter.ts). */
  readonly foreign?: boolean;
}

export interface OperatorOptions {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Domain of the operator; standard ONNX where left out. */
  readonly domain?: string;
  /** Claimed axes of the first output: checked, and taken where inference knows less. */
  readonly shape?: readonly Dim[];
  /** Declared types of the outputs, for operators whose row cannot tell. */
  readonly types?: readonly TensorType[];
}

/** State that a graph shares with the graphs inside it. */
export interface SharedNames {
  /** Names in use anywhere. */
  readonly names: Set<string>;
  /** Names that `fresh` gave out and no value has yet. */
  readonly reserved: Set<string>;
  readonly sizes: Readonly<Record<string, number>>;
  readonly float: FloatType;
  readonly foreign: boolean;
  next: number;
  unknown: number;
  opset: number;
  readonly domains: Set<string>;
  /** Types of the outputs of finished subgraphs, by their message. */
  readonly bodies: WeakMap<GraphProto, readonly TensorType[]>;
}
