// Finite-difference cases of reductions, normalised exponentials, normalisations and losses.
import type { OperatorName } from '../../../../../core/onnx/operators/table.js';
import type { Draw, RuleCase } from '../finite-differences.js';

const POSITIVE = { low: 0.3, high: 2 };
const REDUCTIONS = [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSumExp',
  'ReduceSumSquare',
] as const satisfies readonly OperatorName[];

function reductions(operator: (typeof REDUCTIONS)[number]): RuleCase[] {
  const x: Draw = { shape: [2, 3, 2] };
  // ONNX Runtime has no float64 kernel for these.
  const dtype = ['ReduceL1', 'ReduceL2'].includes(operator) ? 'float32' : 'float64';
  const axes: [string, number[] | null, number][] = [
    ['one axis kept', [1], 1],
    ['last axis dropped', [-1], 0],
    ['two axes dropped', [0, 2], 0],
    ['all axes kept', null, 1],
    ['all axes dropped', null, 0],
  ];
  return axes.map(([what, list, keepdims]) => ({
    operator,
    what,
    inputs: { x: dtype === 'float32' ? { shape: [2, 3, 2], low: 0.4, high: 2 } : x },
    dtype,
    build: (g, value) => g.op(operator, [value, list && g.integers(...list)], { attributes: { keepdims } }),
  }));
}

function layerNorm(
  what: string,
  x: number[],
  { gain, bias, axis, outputs = 1 }: { gain: number[]; bias?: number[]; axis?: number; outputs?: number },
): RuleCase {
  return {
    operator: 'LayerNormalization',
    what,
    inputs: { x, gain, ...(bias && { bias }) },
    // The optional outputs are float32 in ONNX Runtime whatever x is.
    dtype: outputs === 1 ? 'float64' : 'float32',
    ...(((axis !== undefined && axis !== -1) || outputs > 1) && { knowledge: ['sizes', 'ranks'] as const }),
    build: (g, ...inputs) =>
      g.ops('LayerNormalization', inputs, {
        outputs,
        attributes: { epsilon: { f: 0.01 }, ...(axis !== undefined && { axis }) },
      }),
  };
}

function groupNorm(what: string, groups: number, more: Partial<RuleCase> = {}): RuleCase {
  return {
    operator: 'GroupNormalization',
    what,
    inputs: { x: [2, 4, 3], gain: [groups], bias: [groups] },
    dtype: 'float32',
    knowledge: ['sizes', 'ranks'],
    build: (g, ...inputs) =>
      g.op('GroupNormalization', inputs, { attributes: { num_groups: groups, epsilon: { f: 0.1 } } }),
    ...more,
  };
}

function skipNorm(simplified: boolean, bias: boolean, outputs: number): RuleCase {
  const opType = simplified ? 'SkipSimplifiedLayerNormalization' : 'SkipLayerNormalization';
  return {
    operator: `com.microsoft.${opType}`,
    what: `${bias ? 'with' : 'without'} bias, ${outputs} outputs`,
    inputs: {
      x: [2, 2, 4],
      skip: [2, 2, 4],
      gain: [4],
      ...(!simplified && { beta: [4] }),
      ...(bias && { bias: [4] }),
    },
    dtype: 'float32',
    build: (g, ...inputs) => {
      const names = outputs === 1 ? ['y'] : ['y', '', '', 'sum'];
      const made = g.ops(opType, inputs, {
        outputs: names,
        domain: 'com.microsoft',
        attributes: { epsilon: { f: 0.1 } },
      });
      return made.filter(({ name }) => name !== '');
    },
  };
}

const CLASSES = { scores: [3, 4], labels: { shape: [3], int64: [2, 0, 3] } } as const;

function losses(reduction: string): RuleCase[] {
  return (['SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss'] as const).flatMap((operator) => [
    {
      operator,
      what: reduction,
      inputs: CLASSES,
      dtype: 'float64',
      knowledge: ['sizes', 'ranks'],
      build: (g, ...v) => g.op(operator, v, { attributes: { reduction } }),
    },
    {
      operator,
      what: `${reduction}, weights, an ignored label, places`,
      inputs: {
        scores: [2, 3, 2],
        labels: { shape: [2, 2], int64: [2, -1, 0, 1] },
        weight: { shape: [3], ...POSITIVE },
      },
      fixed: ['weight'],
      dtype: 'float64',
      knowledge: ['sizes', 'ranks'],
      build: (g, ...v) => g.op(operator, v, { attributes: { reduction, ignore_index: -1 } }),
    },
  ]);
}

export const REDUCTION_CASES: readonly RuleCase[] = [
  ...REDUCTIONS.flatMap(reductions),
  ...(['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceProd'] as const).map((operator): RuleCase => ({
    operator,
    what: 'told to reduce nothing',
    inputs: { x: [2, 3] },
    build: (g, x) => g.op(operator, [x], { attributes: { noop_with_empty_axes: 1 } }),
  })),
  {
    operator: 'ReduceSum',
    what: 'computed axes',
    inputs: { x: [2, 3, 2], axes: { shape: [1], int64: [1] } },
    knowledge: ['sizes'],
    build: (g, x, axes) => g.op('ReduceSum', [x, axes], { attributes: { keepdims: 0 } }),
  },
  {
    operator: 'ReduceMean',
    what: 'computed axes',
    inputs: { x: [2, 3, 2], axes: { shape: [2], int64: [0, 2] } },
    knowledge: ['sizes'],
    build: (g, x, axes) => g.op('ReduceMean', [x, axes], { attributes: { keepdims: 1 } }),
  },
  ...[
    [0.7, 0, -1.2],
    [0, 1.5, 0],
    [0, 0, 0],
  ].map((points, n): RuleCase => ({
    operator: 'ReduceProd',
    what: `${[1, 2, 3][n] ?? 0} zeros`,
    inputs: { x: { shape: [1, 3], points } },
    build: (g, x) => g.op('ReduceProd', [x, g.integers(1)]),
  })),
  ...[-1, 0, 1].flatMap((axis) =>
    (['Softmax', 'LogSoftmax'] as const).map((operator): RuleCase => ({
      operator,
      what: `axis ${axis}`,
      inputs: { x: [3, 2, 4] },
      build: (g, x) => g.op(operator, [x], { attributes: { axis } }),
    })),
  ),
  layerNorm('gain and bias', [2, 2, 4], { gain: [4], bias: [4] }),
  layerNorm('no bias', [3, 4], { gain: [4] }),
  layerNorm('from axis 1', [2, 3, 2], { gain: [3, 2], bias: [3, 2], axis: 1 }),
  layerNorm('from axis −2', [2, 3, 2], { gain: [3, 2], bias: [3, 2], axis: -2 }),
  layerNorm('all axes', [2, 3], { gain: [2, 3], axis: 0 }),
  layerNorm('gradients at mean and scale', [2, 2, 4], { gain: [4], bias: [4], outputs: 3 }),
  layerNorm('gradients at mean and scale, axis 1', [2, 3, 2], { gain: [3, 2], axis: 1, outputs: 3 }),
  ...(
    [
      [[2, 2, 4], [4], -1],
      [[2, 3, 2], [3, 2], 1],
    ] as const
  ).map(([x, gain, axis]): RuleCase => ({
    operator: 'SimplifiedLayerNormalization',
    what: `axis ${axis}`,
    inputs: { x, gain },
    knowledge: ['sizes', 'ranks'],
    dtype: 'float32',
    build: (g, ...inputs) =>
      g.op('SimplifiedLayerNormalization', inputs, { attributes: { axis, epsilon: { f: 0.1 } } }),
  })),
  {
    operator: 'SimplifiedLayerNormalization',
    what: 'gradient at the scale too',
    inputs: { x: [2, 4], gain: [4] },
    dtype: 'float32',
    knowledge: ['sizes', 'ranks'],
    build: (g, ...inputs) =>
      g.ops('SimplifiedLayerNormalization', inputs, { outputs: 2, attributes: { epsilon: { f: 0.1 } } }),
  },
  groupNorm('two groups', 2),
  groupNorm('two groups, gain and bias by channel', 2, { opset: 21, inputs: { x: [2, 4, 3], gain: [4], bias: [4] } }),
  ...(
    [
      [[2, 2, 4], [4], -1],
      [[2, 3, 2], [3, 2], 1],
    ] as const
  ).map(([x, gain, axis]): RuleCase => ({
    operator: 'RMSNormalization',
    what: `axis ${axis}`,
    inputs: { x, gain },
    knowledge: ['sizes', 'ranks'],
    dtype: 'float32',
    opset: 23,
    build: (g, ...inputs) => g.op('RMSNormalization', inputs, { attributes: { axis, epsilon: { f: 0.1 } } }),
  })),
  {
    operator: 'InstanceNormalization',
    what: 'two channels',
    inputs: { x: [2, 2, 3, 2], gain: [2], bias: [2] },
    dtype: 'float32',
    knowledge: ['sizes', 'ranks'],
    build: (g, ...inputs) => g.op('InstanceNormalization', inputs, { attributes: { epsilon: { f: 0.1 } } }),
  },
  ...[false, true].flatMap((simplified) => [
    skipNorm(simplified, false, 1),
    skipNorm(simplified, true, 4),
    skipNorm(simplified, false, 4),
  ]),
  ...['mean', 'sum', 'none'].flatMap(losses),
  {
    operator: 'SoftmaxCrossEntropyLoss',
    what: 'gradient at the log probabilities too',
    inputs: CLASSES,
    knowledge: ['sizes', 'ranks'],
    build: (g, ...v) => g.ops('SoftmaxCrossEntropyLoss', v, { outputs: 2 }),
  },
];
