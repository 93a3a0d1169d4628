// Finite-difference cases of matrix products.
import type { Draw, RuleCase } from '../finite-differences.js';

function matMul(what: string, [a, b]: readonly [Draw, Draw], more: Partial<RuleCase> = {}): RuleCase {
  return {
    operator: 'MatMul',
    what,
    inputs: { a, b },
    build: (g, x, w) => g.op('MatMul', [x, w]),
    ...more,
  };
}

const GEMM: readonly RuleCase[] = [0, 1].flatMap((transA) =>
  [0, 1].flatMap((transB) =>
    [[2, 3], [3], [2, 1], []].map((c): RuleCase => ({
      operator: 'Gemm',
      what: `transA ${transA}, transB ${transB}, C [${c.join(', ')}]`,
      inputs: { a: transA ? [4, 2] : [2, 4], b: transB ? [3, 4] : [4, 3], c },
      build: (g, ...v) =>
        g.op('Gemm', v, {
          attributes: { alpha: { f: 0.75 }, beta: { f: 1.5 }, transA, transB },
        }),
    })),
  ),
);

const FUSED: readonly RuleCase[] = [0, 1].flatMap((transA) =>
  [0, 1].map((transB): RuleCase => ({
    operator: 'com.microsoft.FusedMatMul',
    what: `transA ${transA}, transB ${transB}`,
    inputs: { a: transA ? [2, 1, 4, 2] : [2, 1, 2, 4], b: transB ? [3, 3, 4] : [3, 4, 3] },
    dtype: 'float32',
    build: (g, x, y) =>
      g.op('FusedMatMul', [x, y], {
        attributes: { alpha: { f: 0.5 }, transA, transB },
        domain: 'com.microsoft',
      }),
  })),
);

function einsum(equation: string, ...shapes: number[][]): RuleCase {
  const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, shape]));
  return {
    operator: 'Einsum',
    what: equation,
    inputs,
    build: (g, ...values) => g.op('Einsum', values, { attributes: { equation } }),
    ...(equation.includes('...') && { knowledge: ['sizes', 'ranks'] as const }),
  };
}

export const PRODUCT_CASES: readonly RuleCase[] = [
  matMul('matrices', [
    [2, 3],
    [3, 4],
  ]),
  matMul('rows of a batch and one matrix', [
    [2, 2, 3],
    [3, 2],
  ]),
  matMul('four axes and one matrix', [
    [2, 1, 2, 3],
    [3, 2],
  ]),
  matMul('equal batches', [
    [2, 2, 3],
    [2, 3, 2],
  ]),
  matMul('one matrix and a batch', [
    [2, 3],
    [2, 3, 2],
  ]),
  matMul('batches stretched on both sides', [
    [2, 1, 2, 3],
    [1, 3, 3, 2],
  ]),
  matMul('a batch with more axes', [
    [3, 2, 3],
    [2, 1, 3, 2],
  ]),
  matMul('vector and vector', [[4], [4]], { knowledge: ['sizes', 'ranks'] }),
  matMul('vector and matrix', [[3], [3, 2]], { knowledge: ['sizes', 'ranks'] }),
  matMul('matrix and vector', [[2, 3], [3]], { knowledge: ['sizes', 'ranks'] }),
  matMul('vector and batch', [[3], [2, 3, 2]], { knowledge: ['sizes', 'ranks'] }),
  matMul('batch and vector', [[2, 2, 3], [3]], { knowledge: ['sizes', 'ranks'] }),
  matMul(
    'batches in float32',
    [
      [2, 1, 2, 3],
      [1, 3, 3, 2],
    ],
    { dtype: 'float32' },
  ),
  ...GEMM,
  {
    operator: 'Gemm',
    what: 'without C and with the defaults',
    inputs: { a: [2, 4], b: [4, 3] },
    build: (g, x, y) => g.op('Gemm', [x, y]),
  },
  ...FUSED,
  einsum('ij,jk->ik', [2, 3], [3, 2]),
  einsum('bij,bkj->bik', [2, 2, 3], [2, 2, 3]),
  einsum('bhqd,bhkd->bhqk', [1, 2, 2, 2], [1, 2, 3, 2]),
  einsum('i,j,k->ijk', [2], [3], [2]),
  einsum('ij->i', [2, 3]),
  einsum('ij->ji', [2, 3]),
  einsum('ijk,k->', [2, 2, 2], [2]),
  einsum('ij,jk', [2, 3], [3, 2]),
  einsum('...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]),
  einsum('...ij,jk->...ik', [2, 2, 3], [3, 2]),
  einsum('...i,...i->...', [2, 1, 3], [1, 2, 3]),
];
