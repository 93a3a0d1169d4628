// The graphs that follow from how a dictionary is wired: the encoder's product, the decoder's, and e = x_hat − x. One notion for
// autoencoders, transcoders, crosscoders and cross-layer transcoders; nothing here knows how features are chosen.
//
//   z = join_r W_enc.r x_r + b_enc        x_hat_w = W_dec.wᵀ f[first … first + n) + b_dec.w + W_skip x
//   centred (one site, read and written): z = W_enc (x − b_dec) + b_enc
import { InputError } from '../../schemas/errors.js';
import type { DictionarySizes, StepInputs } from './architecture.js';
import type { GraphBuilder } from '../onnx/builder.js';
import { type NamedValues, valueNamed } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import { type Decoded, type Selection, buildDecode } from './rows.js';
import type { Tape } from './tape.js';
import { wiringOf } from './wirings.js';

/** Whether every feature writes every site, so that pairs of features and values can be decoded. */
export function decodesPairs(sizes: DictionarySizes): boolean {
  return wiringOf(sizes).decoders.every(({ features }) => features === sizes.features);
}

export interface Encoded {
  /** x − b_dec of a dictionary that centres, else null [B, d]. */
  readonly centred: Value | null;
  /** The encoder's product, with b_enc where `bias` names it [B, F]. */
  readonly z: Value;
}

/** @param bias the tensor that is added, null for none */
export function buildEncoder({ g }: Tape, inputs: StepInputs, of: EncoderParts): Encoded {
  const { reads, parameters } = inputs;
  const { encoders, join, mayCentre } = wiringOf(inputs);
  const b = of.bias === null ? null : valueNamed(parameters, of.bias);
  const centred = of.centres && mayCentre ? g.op('Sub', [reads[0] as Value, valueNamed(parameters, 'b_dec')]) : null;
  const product = (name: string, site: number, sum: Value | null): Value => {
    const x = centred ?? (reads[site] as Value);
    return g.op('Gemm', [x, valueNamed(parameters, name), sum], { attributes: { transB: 1 } });
  };
  if (join === 'sum') {
    let z = b;
    for (const { name, site } of encoders) z = product(name, site, z);
    return { centred, z: z as Value };
  }
  const parts = encoders.map(({ name, site }) => product(name, site, null));
  const joined = g.op('Concat', parts, { attributes: { axis: 1 } });
  return { centred, z: b ? g.op('Add', [joined, b]) : joined };
}

export interface EncoderParts {
  readonly centres: boolean;
  /** Name of the bias that is added; null for none. */
  readonly bias: string | null;
}

/** W_decᵀ f [B, d] of each site written. */
export function buildDecoder(
  g: GraphBuilder,
  f: Selection,
  { sizes, parameters }: { readonly sizes: DictionarySizes; readonly parameters: NamedValues },
): Decoded[] {
  return wiringOf(sizes).decoders.map(({ name, features }) =>
    buildDecode(g, firstFeatures(g, f, { features, of: sizes.features }), valueNamed(parameters, name)),
  );
}

/** f of the first features alone. */
export function firstFeatures(
  g: GraphBuilder,
  f: Selection,
  { features, of, from = 0 }: { readonly features: number; readonly of: number; readonly from?: number },
): Selection {
  if (from === 0 && features === of) return f;
  if (f.layout === 'pairs')
    throw new InputError(`Expected a dense selection to take features ${from} to ${features} of, got pairs.`, { from });
  return {
    layout: 'dense',
    value: g.op('Slice', [f.value, g.integers(from), g.integers(features), g.integers(1)]),
  };
}

/** What x_hat − x is without features [B, d] of each site written: b_dec + W_skip x − x. */
export function buildBase({ g }: Tape, inputs: StepInputs): Value[] {
  const { reads, writes, parameters } = inputs;
  const { decoders, skip } = wiringOf(inputs);
  return decoders.map(({ bias }, site) => {
    const b = valueNamed(parameters, bias);
    const line = skip
      ? g.op('Gemm', [reads[0] as Value, valueNamed(parameters, skip.name), b], { attributes: { transB: 1 } })
      : b;
    return g.op('Sub', [line, writes[site] as Value]);
  });
}

/** e = x_hat − x of each site written, with what was decoded. */
export function buildErrors(
  tape: Tape,
  inputs: StepInputs,
  { f, centred }: { readonly f: Selection; readonly centred: Value | null },
): { readonly decoded: readonly Decoded[]; readonly errors: readonly Value[] } {
  const { g } = tape;
  const decoded = buildDecoder(g, f, { sizes: inputs, parameters: inputs.parameters });
  // x_hat − x = W_decᵀ f − (x − b_dec)
  if (centred) return { decoded, errors: decoded.map(({ product }) => g.op('Sub', [product, centred])) };
  const base = buildBase(tape, inputs);
  return { decoded, errors: decoded.map(({ product }, site) => g.op('Add', [product, base[site] as Value])) };
}

/** Σ_w ‖W_dec.w_i‖ over the sites written [F]. */
export function buildDecoderNorms(g: GraphBuilder, inputs: StepInputs): Value {
  const norms = wiringOf(inputs).decoders.map(({ name, features }) => {
    const own = g.op('ReduceL2', [valueNamed(inputs.parameters, name), g.integers(1)], { attributes: { keepdims: 0 } });
    return features === inputs.features ? own : g.op('Pad', [own, g.integers(0, inputs.features - features)]);
  });
  return norms.reduce((a, b) => g.op('Add', [a, b]));
}
