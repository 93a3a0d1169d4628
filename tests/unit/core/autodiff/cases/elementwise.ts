// Finite-difference cases of elementwise arithmetic, functions and activations.
import type { OperatorName } from '../../../../../core/onnx/operators/table.js';
import { DATA_TYPE } from '../../../../../core/onnx/data-type.js';
import { makeTensor } from '../../../../../core/onnx/make.js';
import type { Draw, RuleCase } from '../finite-differences.js';

const positive: Draw = { shape: [2, 3], low: 0.3, high: 2 };
const SIGNED: Draw = [3, 4];
/** Entries that a difference in float32 does not take across a kink (0, ±0.5, ±1, ±3, …). */
const APART: Draw = { shape: [2, 5], points: [-3.8, -2.5, -1.7, -0.8, -0.3, 0.3, 0.75, 1.6, 2.4, 3.7] };

/** y = f(x). */
function unary(
  operator: OperatorName,
  x: Draw = SIGNED,
  more: Partial<RuleCase> & { attributes?: Record<string, { f: number } | string> } = {},
): RuleCase {
  const { attributes = {}, ...rest } = more;
  const dot = operator.lastIndexOf('.');
  const [domain, opType] = [operator.slice(0, Math.max(dot, 0)), operator.slice(dot + 1)];
  return {
    operator,
    what: 'alone',
    inputs: { x },
    build: (g, value) => g.op(opType, [value], { attributes, ...(domain && { domain }) }),
    ...rest,
  };
}

/** y = f(a, b) with the shapes of a and b. */
function binary(operator: OperatorName, what: string, [a, b]: readonly [Draw, Draw]): RuleCase {
  return {
    operator,
    what,
    inputs: { a, b },
    build: (g, a, b) => g.op(operator, [a, b]),
    ...(operator === 'Mean' && { dtype: 'float32' }),
  };
}

function broadcasts(operator: OperatorName, low = -2): RuleCase[] {
  const draw = (...shape: number[]): Draw => ({ shape, low, high: 2 });
  return [
    binary(operator, 'equal shapes', [draw(2, 3), draw(2, 3)]),
    binary(operator, 'a stretched on two axes', [draw(1, 3, 1), draw(2, 3, 2)]),
    binary(operator, 'b with fewer axes', [draw(2, 1, 3), draw(2, 1)]),
    binary(operator, 'both stretched', [draw(2, 1), draw(1, 3)]),
    binary(operator, 'b a scalar', [draw(2, 2), draw()]),
    binary(operator, 'a of one entry with fewer axes', [draw(1), draw(2, 2)]),
  ];
}

export const ELEMENTWISE_CASES: readonly RuleCase[] = [
  ...(['Add', 'Sub', 'Mul', 'Max', 'Min', 'Sum', 'Mean'] as const).flatMap((op) => broadcasts(op)),
  ...broadcasts('Div', 0.4),
  ...broadcasts('Pow', 0.4),
  ...(['Sum', 'Mean', 'Max', 'Min'] as const).flatMap((operator): RuleCase[] => [
    {
      operator,
      what: 'three operands',
      inputs: { a: [2, 3], b: [3], c: [2, 1] },
      build: (g, ...v) => g.op(operator, v),
      ...(operator === 'Mean' && { dtype: 'float32' }),
    },
    {
      operator,
      what: 'one operand',
      inputs: { a: [2, 3] },
      build: (g, a) => g.op(operator, [a]),
      ...(operator === 'Mean' && { dtype: 'float32' }),
    },
  ]),
  ...(['Max', 'Min'] as const).map((operator): RuleCase => ({
    operator,
    what: 'the same operand twice: both halves arrive',
    inputs: { a: [2, 3] },
    build: (g, a) => g.op(operator, [a, a]),
  })),
  ...[2, 3, 0.5, -1, 4, 1, 0].map((exponent): RuleCase => ({
    operator: 'Pow',
    what: `stored exponent ${exponent}`,
    inputs: { x: positive },
    build: (g, x) => g.op('Pow', [x, g.scalar(exponent, 'float64')]),
  })),
  ...[2, 3, 4].map((exponent): RuleCase => ({
    operator: 'Pow',
    what: `negative base, exponent ${exponent} as int64`,
    inputs: { x: [2, 3] },
    build: (g, x) => g.op('Pow', [x, g.integer(exponent)]),
  })),
  unary('Neg'),
  unary('Abs'),
  unary('Sqrt', positive),
  unary('Reciprocal', positive),
  unary('Exp'),
  unary('Log', positive),
  unary('Sin'),
  unary('Cos', SIGNED),
  unary('Tan', { shape: [5], low: -1, high: 1 }, { dtype: 'float32' }),
  unary('Sinh', SIGNED, { dtype: 'float32' }),
  unary('Cosh', SIGNED, { dtype: 'float32' }),
  unary('Erf', SIGNED, { dtype: 'float32' }),
  unary('Identity'),
  unary('Tanh'),
  unary('Sigmoid'),
  unary('Relu'),
  unary('LeakyRelu', APART, { dtype: 'float32', attributes: { alpha: { f: 0.3 } } }),
  unary('LeakyRelu', APART, { dtype: 'float32', what: 'default slope' }),
  unary('ThresholdedRelu', APART, { dtype: 'float32', attributes: { alpha: { f: 0.5 } } }),
  unary('Elu', APART, { dtype: 'float32', attributes: { alpha: { f: 0.7 } } }),
  unary('Selu', APART, { dtype: 'float32' }),
  unary('Selu', APART, {
    dtype: 'float32',
    what: 'own constants',
    attributes: { alpha: { f: 1.2 }, gamma: { f: 0.8 } },
  }),
  unary('Celu', APART, { dtype: 'float32', attributes: { alpha: { f: 0.6 } } }),
  unary('Softplus', SIGNED, { dtype: 'float32' }),
  unary('Softsign', APART, { dtype: 'float32' }),
  unary('HardSigmoid', APART, { dtype: 'float32', attributes: { alpha: { f: 0.3 }, beta: { f: 0.45 } } }),
  unary('HardSwish', APART, { dtype: 'float32' }),
  unary('Mish', SIGNED, { dtype: 'float32' }),
  unary('Swish', SIGNED, { dtype: 'float32', opset: 24, attributes: { alpha: { f: 1.3 } } }),
  unary('Gelu', SIGNED, { dtype: 'float32', what: 'exact' }),
  unary('Gelu', SIGNED, { dtype: 'float32', what: 'by tanh', attributes: { approximate: 'tanh' } }),
  unary('com.microsoft.Gelu', SIGNED, { dtype: 'float32' }),
  unary('com.microsoft.QuickGelu', SIGNED, { dtype: 'float32', attributes: { alpha: { f: 1.3 } } }),
  unary('com.microsoft.QuickGelu', SIGNED, { dtype: 'float32', what: 'default slope' }),
  unary('com.microsoft.FastGelu', SIGNED, { dtype: 'float32', what: 'without bias' }),
  ...(['FastGelu', 'BiasGelu'] as const).map((opType): RuleCase => ({
    operator: `com.microsoft.${opType}`,
    what: 'with bias',
    inputs: { x: [2, 2, 3], b: [3] },
    dtype: 'float32',
    build: (g, x, b) => g.op(opType, [x, b], { domain: 'com.microsoft' }),
  })),
  {
    operator: 'Cast',
    what: 'to float32 and back',
    inputs: { x: [2, 3] },
    dtype: 'float32',
    build: (g, x) => {
      const wide = g.op('Cast', [x], { attributes: { to: DATA_TYPE.float64 } });
      return g.op('Cast', [g.op('Mul', [wide, wide])], { attributes: { to: DATA_TYPE.float32 } });
    },
  },
  {
    operator: 'CastLike',
    what: 'to the type of another tensor',
    inputs: { x: [2, 3] },
    build: (g, x) => {
      const other = g.initializer(makeTensor('other', { dims: [1], data: Float64Array.of(1) }));
      return g.op('CastLike', [x, other]);
    },
  },
  {
    operator: 'Where',
    what: 'all three broadcast',
    inputs: { c: { shape: [3, 1], bool: [1, 0, 1] }, a: [2, 1, 2], b: [2] },
    build: (g, ...v) => g.op('Where', v),
  },
  {
    operator: 'Clip',
    what: 'both limits',
    inputs: {
      x: [3, 4],
      lo: { shape: [], low: -1, high: -0.5 },
      hi: { shape: [], low: 0.5, high: 1 },
    },
    build: (g, ...v) => g.op('Clip', v),
  },
  {
    operator: 'Clip',
    what: 'limits in the wrong order: the upper one wins',
    inputs: {
      x: [3, 4],
      lo: { shape: [], low: 0.5, high: 1 },
      hi: { shape: [], low: -1, high: -0.5 },
    },
    build: (g, ...v) => g.op('Clip', v),
  },
  {
    operator: 'Clip',
    what: 'lower limit alone',
    inputs: { x: [3, 4], lo: { shape: [], low: -1, high: 1 } },
    build: (g, x, lo) => g.op('Clip', [x, lo]),
  },
  {
    operator: 'Clip',
    what: 'upper limit alone',
    inputs: { x: [3, 4], hi: { shape: [], low: -1, high: 1 } },
    build: (g, x, hi) => g.op('Clip', [x, null, hi]),
  },
  { operator: 'Clip', what: 'no limit', inputs: { x: [3] }, build: (g, x) => g.op('Clip', [x]) },
];
