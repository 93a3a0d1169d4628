// The parts that blocks are made of, as graph nodes: linear maps, norms, activations, caps. Activations keep the axes
// [batch, seq, width]; matrices are applied to rows [batch · seq, width], where one Gemm does product and bias, whichever way round
// the matrix is stored.
//
//   LayerNorm(x) = (x − mean x) / √(var x + ε) · γ + β                      Ba et al. 2016
//   RMSNorm(x) = x / √(mean x² + ε) · (γ + offset)                          Zhang and Sennrich 2019; offset 1 in Gemma
//   cap_c(x) = c · tanh(x / c)                                              Gemma Team 2024
import type { GraphBuilder } from '../onnx/builder.js';
import type { Value } from '../onnx/shape.js';
import type { ActivationName, DecoderSpec, NormSpec } from './decoder-spec.js';
import type { LinearRows, NormRows, TensorRow } from './decoder-tensors.js';
import type { Naming, Sites } from './site-recorder.js';

/** A graph under construction and what all of its parts need. */
export interface Writing {
  readonly g: GraphBuilder;
  readonly spec: DecoderSpec;
  /** A stored tensor in float32. */
  readonly weight: (row: TensorRow) => Value;
  /** The target of a Reshape of rows to [batch, seq, ...tail]. */
  readonly over: (...tail: readonly number[]) => Value;
}

/** x W + b as rows [batch · seq, out]. */
export function buildLinear({ g, weight }: Writing, x: Value, rows: LinearRows): Value {
  const { weight: matrix, bias, layout } = rows;
  const into = matrix.shape[layout === 'out-in' ? 1 : 0] ?? 0;
  const flat = x.shape?.length === 2 ? x : g.op('Reshape', [x, g.integers(-1, into)]);
  return g.op('Gemm', [flat, weight(matrix), ...(bias ? [weight(bias)] : [])], {
    attributes: layout === 'out-in' ? { transB: 1 } : {},
  });
}

/** A norm over the last axis, with its sites `NAME.hook_scale` and `NAME.hook_normalized`. */
export function buildNorm(
  writing: Writing,
  x: Value,
  { rows, name, sites }: { readonly rows: NormRows; readonly name: string; readonly sites: Sites },
): Value {
  const { g, spec, weight } = writing;
  if (spec.norm.kind === 'rms') {
    const names = [sites.named(`${name}.hook_scale`), sites.named(`${name}.hook_normalized`)] as const;
    return buildRmsNorm(writing, x, { gain: rows.gain, names });
  }
  const bias = rows.bias as TensorRow;
  const output = g.op('LayerNormalization', [x, weight(rows.gain), weight(bias)], {
    ...sites.inner(name),
    attributes: { axis: -1, epsilon: { f: spec.norm.epsilon } },
  });
  for (const part of ['hook_scale', 'hook_normalized']) sites.same(`${name}.${part}`, output.name);
  return output;
}

interface RmsNorm {
  readonly gain: TensorRow;
  /** Options that name scale and normalised value. */
  readonly names?: readonly [scale: Naming, normalized: Naming];
}

/** RMSNorm over the last axis. */
export function buildRmsNorm({ g, spec, weight }: Writing, x: Value, { gain, names = [{}, {}] }: RmsNorm): Value {
  const square = g.op('Mul', [x, x]);
  const mean = g.op('ReduceMean', [square, g.integers(-1)], { attributes: { keepdims: 1 } });
  const scale = g.op('Sqrt', [g.op('Add', [mean, g.scalar(spec.norm.epsilon)])], names[0]);
  const normalized = g.op('Div', [x, scale], names[1]);
  return g.op('Mul', [normalized, gainOf(g, weight(gain), spec.norm)]);
}

function gainOf(g: GraphBuilder, stored: Value, { gainOffset }: NormSpec): Value {
  return gainOffset === 0 ? stored : g.op('Add', [stored, g.scalar(gainOffset)]);
}

const ACTIVATIONS: Readonly<Record<ActivationName, (g: GraphBuilder, x: Value) => Value>> = {
  gelu: (g, x) => g.op('Gelu', [x]),
  gelu_tanh: (g, x) => g.op('Gelu', [x], { attributes: { approximate: 'tanh' } }),
  relu: (g, x) => g.op('Relu', [x]),
  silu: (g, x) => g.op('Mul', [x, g.op('Sigmoid', [x])]),
};

/** The activation by name. */
export function buildActivation(g: GraphBuilder, name: ActivationName, x: Value): Value {
  return ACTIVATIONS[name](g, x);
}

/** cap_c(x); x itself without a cap. */
export function buildCap(g: GraphBuilder, x: Value, cap: number | null): Value {
  if (cap === null) return x;
  return g.op('Mul', [g.op('Tanh', [g.op('Div', [x, g.scalar(cap)])]), g.scalar(cap)]);
}
