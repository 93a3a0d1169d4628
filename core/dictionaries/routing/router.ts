// Which expert a row belongs to. Both kinds of routing are an affine choice of the largest of E scores; ties go to the lower expert.
//
//   frozen    s = W_router x + b_router            W_router [E, d], b_router [E]: nearest centre with prices (routes.ts)
//             expert = argmax s,  weight 1
//   learned   s = W_router (x − b_router)          W_router [E, d], b_router [d]: trained
//             expert = argmax s,  weight p = softmax(s) of that expert
//
// Units: s has none, so W_router folds by the scale of its site and the fold changes no choice (units.ts).
// Source of the learned kind: Mudide et al. 2024 (arXiv 2410.08201), section 3; their code calls these tensors `router` and `b_router`.
import type { Routed } from '../../../schemas/dictionaries.js';
import { InputError } from '../../../schemas/errors.js';
import type { GraphBuilder } from '../../onnx/builder.js';
import { type NamedValues, valueNamed } from '../../onnx/named-value.js';
import type { Value } from '../../onnx/shape.js';
import type { DictionarySizes, Parameter } from '../architecture.js';
import { type DictionarySites, readWidths } from '../sites.js';

/** Names of the tensors that choose an expert. */
export const ROUTER = { weights: 'W_router', bias: 'b_router' } as const;

/** How a dictionary is routed. @throws InputError where it is not */
export function routedOf({ routed }: DictionarySites): Routed {
  if (routed) return routed;
  throw new InputError('Expected a routed dictionary, found one without experts. Give it `routed`.');
}

/** Features of one expert: expert e has the features e · n … (e + 1) · n − 1. @throws InputError where they do not divide */
export function expertFeatures(features: number, { experts }: Pick<Routed, 'experts'>): number {
  const own = features / experts;
  if (Number.isInteger(own)) return own;
  throw new InputError(
    `Expected features that divide by the experts, got ${features} features for ${experts} experts. Choose other saes.features or saes.routed.experts.`,
    { features, experts },
  );
}

/** Sizes of one expert: a dictionary like any other. */
export function expertSizes<Sizes extends DictionarySizes>(sizes: Sizes): Sizes {
  const { routed, ...sites } = sizes.sites;
  return routed ? { ...sizes, sites, features: expertFeatures(sizes.features, routed) } : sizes;
}

/** The router's tensors. */
export function routerParameters({ sites, features }: DictionarySizes): Parameter[] {
  const { experts, kind } = routedOf(sites);
  const [width = 0] = readWidths(sites);
  const weights: Parameter = {
    ...{ name: ROUTER.weights, kind: 'matrix', shape: [experts, width], unitRows: false },
    unit: { of: 'number', per: 'input' },
    // Directions that no feature began with; on rows of norm √width the scores have about variance 1.
    initial: (start, { from, count }) => start.directions(width, { from: features + from, count }).slice(),
  };
  const bias: Parameter =
    kind === 'frozen'
      ? {
          ...{ name: ROUTER.bias, kind: 'vector', shape: [experts], unitRows: false, unit: { of: 'number' } },
          initial: (_, { count }) => new Float32Array(count),
        }
      : {
          ...{ name: ROUTER.bias, kind: 'vector', shape: [width], unitRows: false, unit: { of: 'output' } },
          initial: ({ readMeans }, { from, count }) =>
            Float32Array.from((readMeans[0] ?? new Float64Array(width)).subarray(from, from + count)),
        };
  return [weights, bias];
}

export interface RouterInputs {
  readonly routed: Routed;
  /** Rows read [B, d]. */
  readonly x: Value;
  readonly parameters: NamedValues;
}

/** s [B, E]. */
export function buildRouterScores(g: GraphBuilder, { routed, x, parameters }: RouterInputs): Value {
  const [W, b] = [valueNamed(parameters, ROUTER.weights), valueNamed(parameters, ROUTER.bias)];
  if (routed.kind === 'frozen') return g.op('Gemm', [x, W, b], { attributes: { transB: 1 } });
  return g.op('Gemm', [g.op('Sub', [x, b]), W], { attributes: { transB: 1 } });
}

export interface Route {
  /** int64 [B] */
  readonly expert: Value;
  /** p of every expert [B, E]; null where every weight is 1. */
  readonly probabilities: Value | null;
  /** By which what fires is multiplied [B, 1]; null: 1. */
  readonly weight: Value | null;
}

/** The expert of each row. */
export function buildRoute(g: GraphBuilder, inputs: RouterInputs): Route {
  const scores = buildRouterScores(g, inputs);
  const expert = g.op('ArgMax', [scores], { attributes: { axis: 1, keepdims: 0 } });
  if (inputs.routed.kind === 'frozen') return { expert, probabilities: null, weight: null };
  const probabilities = g.op('Softmax', [scores], { attributes: { axis: 1 } });
  const chosen = g.op('Where', [buildChosen(g, expert, inputs.routed), probabilities, g.scalar(0)]);
  return { expert, probabilities, weight: g.op('ReduceSum', [chosen, g.integers(1)], { attributes: { keepdims: 1 } }) };
}

/** Which expert each row has, bool [B, E]. */
export function buildChosen(g: GraphBuilder, expert: Value, { experts }: Pick<Routed, 'experts'>): Value {
  const all = g.integers(...Array.from({ length: experts }, (_, e) => e));
  return g.op('Equal', [g.op('Unsqueeze', [expert, g.integers(1)]), all]);
}
