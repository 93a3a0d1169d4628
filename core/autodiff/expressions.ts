// Arithmetic in the words of the derivative rules: short forms over a graph builder. Constants take the element type of the
// tensor that they meet, so that rules hold for every float type.
import { InputError } from '../../schemas/errors.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { DATA_TYPE, type DataTypeName } from '../onnx/data-type.js';
import type { AttributeValue } from '../onnx/make.js';
import type { Value } from '../onnx/shape.js';

type Attributes = Readonly<Record<string, AttributeValue>>;
type Unary =
  | 'Neg'
  | 'Abs'
  | 'Sign'
  | 'Exp'
  | 'Log'
  | 'Sqrt'
  | 'Reciprocal'
  | 'Sin'
  | 'Cos'
  | 'Tan'
  | 'Sinh'
  | 'Cosh'
  | 'Tanh'
  | 'Erf'
  | 'Sigmoid'
  | 'Not'
  | 'Softplus';
type Comparison = 'Equal' | 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual' | 'And' | 'Or';

export class Expressions {
  readonly g: GraphBuilder;

  constructor(g: GraphBuilder) {
    this.g = g;
  }

  op(opType: string, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value {
    return this.g.op(opType, inputs, { attributes });
  }

  add(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  sub(a: Value, b: Value): Value {
    return this.op('Sub', [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.op('Mul', [a, b]);
  }

  div(a: Value, b: Value): Value {
    return this.op('Div', [a, b]);
  }

  /** An elementwise function of one tensor. */
  of(opType: Unary, x: Value): Value {
    return this.op(opType, [x]);
  }

  neg(x: Value): Value {
    return this.of('Neg', x);
  }

  square(x: Value): Value {
    return this.mul(x, x);
  }

  /** The scalar c in the element type of x. */
  c(c: number, x: Value): Value {
    return this.g.scalar(c, floatType(x));
  }

  /** c x. */
  scale(c: number, x: Value): Value {
    if (c === 1) return x;
    return c === -1 ? this.neg(x) : this.mul(x, this.c(c, x));
  }

  /** x + c. */
  plus(x: Value, c: number): Value {
    return c === 0 ? x : this.add(x, this.c(c, x));
  }

  /** c − x. */
  minusFrom(c: number, x: Value): Value {
    return this.sub(this.c(c, x), x);
  }

  compare(opType: Comparison, a: Value, b: Value): Value {
    return this.op(opType, [a, b]);
  }

  /** Elementwise choice; a number stands for a scalar in the type of the other side. */
  where(condition: Value, yes: Value | number, no: Value | number): Value {
    const like = typeof yes === 'number' ? no : yes;
    if (typeof like === 'number') throw new RangeError('where of two numbers');
    const value = (side: Value | number): Value => (typeof side === 'number' ? this.c(side, like) : side);
    return this.op('Where', [condition, value(yes), value(no)]);
  }

  /** Sum over axes, which stay with size 1. */
  sum(x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x;
    return this.op('ReduceSum', [x, this.g.integers(...axes)], { keepdims: 1 });
  }

  /** Mean over axes, which stay with size 1. */
  mean(x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x;
    return this.op('ReduceMean', [x, this.g.integers(...axes)], { keepdims: 1 });
  }

  cast(x: Value, dtype: DataTypeName): Value {
    return x.dtype === dtype ? x : this.op('Cast', [x], { to: DATA_TYPE[dtype] });
  }

  reshape(x: Value, shape: Value): Value {
    return this.op('Reshape', [x, shape]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((axis, i) => axis === i) ? x : this.op('Transpose', [x], { perm });
  }

  concat(values: readonly Value[], axis: number): Value {
    return values.length === 1 && values[0] ? values[0] : this.op('Concat', values, { axis });
  }

  /** Entries [from, to) of a one-dimensional tensor. */
  entries(x: Value, from: number, to: number): Value {
    const known = x.values?.slice(from, to);
    // Limits such as 2^63 − 1 ("to the end") are no exact numbers here: they are read from x when the graph runs.
    if (known?.every((v): v is number => Number.isSafeInteger(v))) return this.g.integers(...known);
    return this.op('Slice', [x, this.g.integers(from), this.g.integers(to)]);
  }
}

const FLOATS = ['float32', 'float64', 'float16'] as const;
type FloatType = (typeof FLOATS)[number];

function floatType(x: Value): FloatType {
  const known = FLOATS.find((dtype) => dtype === x.dtype);
  if (known) return known;
  throw new InputError(
    `Expected float32, float64 or float16 to differentiate, "${x.name}" has ${x.dtype}. Export the model in float32.`,
    { tensor: x.name, dtype: x.dtype },
  );
}
