// What a dictionary is compared with at equal L0: reconstructions of a row x [d] by k numbers, chosen as freely as a dictionary
// chooses its features, from directions that nobody trained.
//
//   μ mean of fit rows;  U [d, d] unit eigenvectors of their covariance, largest eigenvalue first;  S(y, k) the k entries of y
//   with the largest |y_i| (equal ones: lower i)
//   pcaStrongest      x_hat = μ + Σ_{i ∈ S(y, k)} y_i U_i,   y = U (x − μ)       k chosen per row
//   pcaFirst          x_hat = μ + Σ_{i < k} y_i U_i                              the best fixed k; no choice per row
//   neuronsStrongest  x_hat = μ + Σ_{i ∈ S(y, k)} y_i 1_i,   y = x − μ           coordinates of the site ("raw neurons")
//   random            topk over rows of unit norm in random directions, W_enc = W_dec, b_enc 0, b_dec μ
//   untrained         topk over the dictionary's own parameters before its first step
//
// `random` and `untrained` have as many features as the dictionary and its non-negative values. The strongest k of an orthogonal
// basis are the best k of it, so no encoder on these directions does better. Test: tests/unit/core/dictionaries/controls.test.ts.
import type { GraphBuilder } from '../onnx/builder.js';
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { topk } from './architectures/topk.js';
import { dictionarySubject, type Subject, type SubjectInputs, type SubjectValues } from './evaluate-graph.js';
import { oneSite } from './sites.js';

export const CONTROL_NAMES = ['pcaStrongest', 'pcaFirst', 'neuronsStrongest', 'random', 'untrained'] as const;
export type ControlName = (typeof CONTROL_NAMES)[number];

export interface ControlSizes {
  /** d */
  readonly width: number;
  /** Features of the dictionary. */
  readonly features: number;
  /** Numbers per row. */
  readonly k: number;
}

/** The control of that name; its tensors: `mean` [d], `U` [d, d] (first: [k, d]), or those of a topk dictionary. */
export function controlSubject(name: ControlName, { width, features, k }: ControlSizes): Subject {
  const kept = Math.min(k, width);
  const mean = { name: 'mean', shape: [width] };
  switch (name) {
    case 'pcaStrongest':
      return {
        ...{ name, tensors: [mean, { name: 'U', shape: [width, width] }] },
        build: (g, inputs) => inBasis(g, inputs, (y) => strongest(g, y, kept)),
      };
    case 'pcaFirst':
      return {
        ...{ name, tensors: [mean, { name: 'U', shape: [kept, width] }] },
        build: (g, inputs) => inBasis(g, inputs, (y) => ({ kept: y, count: kept })),
      };
    case 'neuronsStrongest':
      return {
        ...{ name, tensors: [mean] },
        build: (g, inputs) => {
          const centred = g.op('Sub', [inputs.writes[0] as Value, valueNamed(inputs.parameters, 'mean')]);
          const own = strongest(g, centred, kept);
          return valuesOf(g, { centred, decoded: own.kept, count: own.count });
        },
      };
    case 'random':
    case 'untrained':
      return dictionarySubject({
        ...{ name, kind: topk, sites: oneSite(width), features, settings: { k: Math.min(k, features) } },
      });
  }
}

interface Kept {
  /** y with all entries but the chosen ones 0. */
  readonly kept: Value;
  readonly count: number;
}

function inBasis(g: GraphBuilder, { writes, parameters }: SubjectInputs, choose: (y: Value) => Kept): SubjectValues {
  const U = valueNamed(parameters, 'U');
  const centred = g.op('Sub', [writes[0] as Value, valueNamed(parameters, 'mean')]);
  const { kept, count } = choose(g.op('Gemm', [centred, U], { attributes: { transB: 1 } }));
  return valuesOf(g, { centred, decoded: g.op('MatMul', [kept, U]), count });
}

function valuesOf(
  g: GraphBuilder,
  { centred, decoded, count }: { readonly centred: Value; readonly decoded: Value; readonly count: number },
): SubjectValues {
  const error = g.op('Sub', [decoded, centred]);
  const rows = g.op('Slice', [g.op('Shape', [centred]), g.integers(0), g.integers(1)]);
  return { errors: [error], f: null, firings: g.op('Expand', [g.scalar(count), rows]) };
}

/** The k entries of each row with the largest magnitude, the others 0. */
function strongest(g: GraphBuilder, y: Value, k: number): Kept {
  const [, index] = g.ops('TopK', [g.op('Abs', [y]), g.integers(k)], {
    ...{ outputs: 2, attributes: { axis: -1 } },
  }) as [Value, Value];
  const values = g.op('GatherElements', [y, index], { attributes: { axis: 1 } });
  const zeros = g.op('Mul', [y, g.scalar(0)]);
  // One index at most once per row: nothing is added, so no order matters.
  return { kept: g.op('ScatterElements', [zeros, index, values], { attributes: { axis: 1 } }), count: k };
}
