// What autoencoders of one site share: their four tensors, the encoder product, the plain loss.
//
//   z = W_enc (x − b_dec) + b_enc       x_hat = W_decᵀ f + b_dec
//   W_enc, W_dec [F, d], a row per feature; b_enc [F]; b_dec [d]
import type { DictionarySizes, Loss, LossInputs, Parameter, Start, StepInputs } from './architecture.js';
import { valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { Tape } from './tape.js';

/** Width of the one site. */
export function siteWidth({ sites }: Pick<DictionarySizes, 'sites'>): number {
  return sites.widths[0] as number;
}

export interface DecoderRows {
  /** Norm of the rows before the first step. */
  readonly norm: number;
  /** Whether they are kept at norm 1. */
  readonly unit: boolean;
}

/**
 * Before the first step: W_dec rows in random directions, W_enc the same directions at norm 1, b_enc 0, b_dec the mean of the
 * scaled fit rows (sparsify's choice; reference: OpenAI's geometric median costs a sample and changes little).
 */
export function autoencoderParameters({ sites, features }: DictionarySizes, rows: DecoderRows): readonly Parameter[] {
  const width = siteWidth({ sites });
  const matrix = { shape: [features, width], kind: 'matrix' as const };
  const vector = { kind: 'vector' as const, unitRows: false };
  const directions = (norm: number) => (start: Start) => start.directions(width).map((value) => norm * value);
  return [
    { ...matrix, name: 'W_enc', initial: directions(1), unit: { of: 'feature', per: 'input' }, unitRows: false },
    { ...vector, name: 'b_enc', shape: [features], initial: () => new Float32Array(features), unit: { of: 'feature' } },
    {
      ...matrix,
      name: 'W_dec',
      initial: directions(rows.norm),
      unit: { of: 'output', per: 'feature' },
      unitRows: rows.unit,
    },
    {
      ...{ ...vector, name: 'b_dec', shape: [width], unit: { of: 'output' } },
      initial: ({ writeMeans }) => Float32Array.from(writeMeans[0] as Float64Array),
    },
  ];
}

/** x − b_dec [B, d] and z [B, F]. */
export function buildEncoder(
  { g }: Tape,
  { reads, parameters }: StepInputs,
): { readonly centred: Value; readonly z: Value } {
  const centred = g.op('Sub', [reads[0] as Value, valueNamed(parameters, 'b_dec')]);
  const [W_enc, b_enc] = [valueNamed(parameters, 'W_enc'), valueNamed(parameters, 'b_enc')];
  return { centred, z: g.op('Gemm', [centred, W_enc, b_enc], { attributes: { transB: 1 } }) };
}

/** Σ‖e‖² / (B V) and nothing else. */
export function buildSquaredError(_: Tape, { squaredError }: LossInputs): Loss {
  return { squares: squaredError, sparsity: null };
}
