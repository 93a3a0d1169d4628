// What a source did to every row of activations before it encoded it, done again when a dictionary that was trained elsewhere is
// applied, and undone in its reconstruction where it reads the site that it writes. Dictionaries of our own have none.
//
//               x' = T(x), per row [B, d]             y_hat from y_hat'                e = y_hat − x from e' = y_hat' − x'
//   scale       c x,  c = √d / ‖x‖                     y_hat' / c                       e' / c
//   centre      x − μ                                  y_hat' + μ                       e'
//   layernorm   (x − μ) / (s + ε)                      s y_hat' + μ                     s e' − ε x'
//   μ = mean over d,  s² = Σ (x − μ)² / (d − 1),  ε = 1e-5
//
// A transcoder's reconstruction is not carried back, and W_skip takes x and not x':  e = e' + W_skip (x − x').
// Sources: SAELens sae.py, `_setup_activation_normalization` (constant_norm_rescale, layer_norm) and transcoder.py;
// openai/sparse_autoencoder model.py, `LN`. centre is what TransformerLens does to a residual stream (center_writing_weights).
// Proof: tests/golden/interop/saelens.test.ts.
import { InputError } from '../../schemas/errors.js';
import type { InputTransform } from '../../schemas/taken.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { Architecture, Forward, StepInputs } from './architecture.js';
import { readWidths } from './sites.js';
import type { Tape } from './tape.js';

const EPSILON = 1e-5;

/** The kind, whose inference honours the setting `inputTransform`. */
export function withInputTransform(kind: Architecture): Architecture {
  return {
    ...kind,
    buildInference: (tape, inputs) => {
      const transform = inputs.settings.inputTransform;
      return transform === undefined
        ? kind.buildInference(tape, inputs)
        : buildTransformed(kind, { tape, inputs, transform });
    },
  };
}

interface Request {
  readonly tape: Tape;
  readonly inputs: StepInputs;
  readonly transform: InputTransform;
}

function buildTransformed(kind: Architecture, { tape, inputs, transform }: Request): Forward {
  const { g } = tape;
  const { sites, reads, writes } = inputs;
  if (reads.length !== 1 || writes.length !== 1)
    throw new InputError(
      `Expected one site to read and one to write for an input transform (${transform}), found ${reads.length} and ${writes.length}.`,
      { transform, reads: reads.length, writes: writes.length },
    );
  const x = reads[0] as Value;
  const { transformed, errorOf } = buildRows(g, transform, { x, width: readWidths(sites)[0] ?? 0 });
  const same = sites.reads[0] === sites.writes[0];
  const applied = kind.buildInference(tape, { ...inputs, reads: [transformed], writes: same ? [transformed] : writes });
  const error = applied.errors[0] as Value;
  if (same) return { ...applied, errors: [errorOf(error)] };
  if (sites.skip !== true) return applied;
  const missed = g.op('Gemm', [g.op('Sub', [x, transformed]), valueNamed(inputs.parameters, 'W_skip')], {
    attributes: { transB: 1 },
  });
  return { ...applied, errors: [g.op('Add', [error, missed])] };
}

interface Rows {
  readonly transformed: Value;
  /** e of e'. */
  readonly errorOf: (error: Value) => Value;
}

function buildRows(
  g: GraphBuilder,
  transform: InputTransform,
  { x, width }: { readonly x: Value; readonly width: number },
): Rows {
  const over = { attributes: { keepdims: 1 } };
  if (transform === 'scale') {
    const c = g.op('Div', [g.scalar(Math.sqrt(width)), g.op('ReduceL2', [x, g.integers(1)], over)]);
    return { transformed: g.op('Mul', [x, c]), errorOf: (error) => g.op('Div', [error, c]) };
  }
  const centred = g.op('Sub', [x, g.op('ReduceMean', [x, g.integers(1)], over)]);
  if (transform === 'centre') return { transformed: centred, errorOf: (error) => error };
  const squares = g.op('ReduceSumSquare', [centred, g.integers(1)], over);
  const s = g.op('Sqrt', [g.op('Div', [squares, g.scalar(width - 1)])]);
  const transformed = g.op('Div', [centred, g.op('Add', [s, g.scalar(EPSILON)])]);
  const errorOf = (error: Value): Value =>
    g.op('Sub', [g.op('Mul', [s, error]), g.op('Mul', [transformed, g.scalar(EPSILON)])]);
  return { transformed, errorOf };
}
