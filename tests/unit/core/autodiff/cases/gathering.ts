// Finite-difference cases of operators that read or write at computed places, with places that repeat.
import type { Draw, Knowledge, RuleCase } from '../finite-differences.js';

const RANKS: readonly Knowledge[] = ['sizes', 'ranks'];

function gather(what: string, [x, index]: readonly [number[], Draw], axis: number): RuleCase {
  return {
    operator: 'Gather',
    what,
    inputs: { x, index },
    knowledge: RANKS,
    build: (g, value, at) => g.op('Gather', [value, at], { attributes: { axis } }),
  };
}

function gatherND(what: string, [x, index]: readonly [number[], Draw], batch = 0): RuleCase {
  return {
    operator: 'GatherND',
    what,
    inputs: { x, index },
    knowledge: ['sizes'],
    build: (g, value, at) => g.op('GatherND', [value, at], { attributes: { batch_dims: batch } }),
  };
}

export const GATHERING_CASES: readonly RuleCase[] = [
  gather('rows, repeated', [[4, 3], { shape: [5], int64: [0, 2, 2, 3, 2] }], 0),
  gather('a matrix of indices', [[4, 3], { shape: [2, 2], int64: [0, 3, 3, 1] }], 0),
  gather('last axis, negative indices', [[2, 4], { shape: [3], int64: [-1, 0, -1] }], -1),
  gather('middle axis', [[2, 4, 3], { shape: [2, 2], int64: [1, 1, 3, 0] }], 1),
  gather('first of three axes', [[3, 2, 2], { shape: [2], int64: [2, 2] }], 0),
  gather('one index', [[2, 4, 3], { shape: [], int64: [2] }], 1),
  gather('one index of a vector', [[4], { shape: [], int64: [2] }], 0),
  gather('int32 indices', [[4, 2], { shape: [3], int32: [3, 0, 3] }], 0),
  {
    operator: 'GatherElements',
    what: 'axis 0, repeated',
    inputs: { x: [3, 2], index: { shape: [2, 2], int64: [0, 2, 0, -1] } },
    build: (g, x, index) => g.op('GatherElements', [x, index]),
  },
  {
    operator: 'GatherElements',
    what: 'last axis',
    inputs: { x: [2, 3], index: { shape: [2, 4], int64: [0, 2, 2, 1, 1, 1, 0, -1] } },
    build: (g, x, index) => g.op('GatherElements', [x, index], { attributes: { axis: -1 } }),
  },
  gatherND('entries, one twice', [[2, 3], { shape: [3, 2], int64: [0, 1, 1, 2, 0, 1] }]),
  gatherND('rows, from the end', [[3, 2, 2], { shape: [2, 1], int64: [-1, 0] }]),
  gatherND('rows by a matrix of indices', [[3, 2], { shape: [2, 2, 1], int64: [1, 1, 0, 2] }]),
  gatherND('within a batch', [[2, 3, 2], { shape: [2, 2, 1], int64: [2, 2, 0, -1] }], 1),
  gatherND('within a batch, entries', [[2, 3, 2], { shape: [2, 1, 2], int64: [2, 1, 0, 0] }], 1),
  ...(['none', 'add'] as const).flatMap((reduction): RuleCase[] => [
    {
      operator: 'ScatterElements',
      what: `${reduction}, axis 1`,
      inputs: { x: [2, 4], index: { shape: [2, 2], int64: [3, 0, -2, 1] }, u: [2, 2] },
      build: (g, ...v) => g.op('ScatterElements', v, { attributes: { axis: 1, reduction } }),
    },
    {
      operator: 'ScatterND',
      what: `${reduction}, rows`,
      inputs: { x: [4, 2], index: { shape: [2, 1], int64: [3, 1] }, u: [2, 2] },
      build: (g, ...v) => g.op('ScatterND', v, { attributes: { reduction } }),
    },
    {
      operator: 'ScatterND',
      what: `${reduction}, entries`,
      inputs: { x: [2, 3], index: { shape: [2, 2], int64: [1, 2, 0, 0] }, u: [2] },
      build: (g, ...v) => g.op('ScatterND', v, { attributes: { reduction } }),
    },
  ]),
  {
    operator: 'ScatterElements',
    what: 'add at repeated places',
    inputs: { x: [4], index: { shape: [3], int64: [2, 2, 0] }, u: [3] },
    build: (g, ...v) => g.op('ScatterElements', v, { attributes: { reduction: 'add' } }),
  },
  ...(
    [
      [1, 1],
      [0, 0],
      [1, -1],
    ] as const
  ).map(([largest, axis]): RuleCase => ({
    operator: 'TopK',
    what: `largest ${largest}, axis ${axis}`,
    inputs: { x: [3, 4] },
    build: (g, x) => {
      const [values] = g.ops('TopK', [x, g.integers(2)], { outputs: 2, attributes: { largest, axis } });
      return values as never;
    },
  })),
];
