// Units of trained tensors, and the fold of trained weights to raw units.
//
// Training sees x' = s x of every site, s a power of two (scale.ts). A quantity q in training is s(q) times the raw one:
//   s(input i) = s of the i-th site read;  s(output i) = s of the i-th site written;  s(feature) = s(output 0);  s(number) = 1
// A parameter of unit `of / per` is stored as  raw = trained · s(per) / s(of):
//
//   W_enc  feature per input     z = W_enc x + …        b_enc  feature
//   W_dec  output per feature    x_hat = W_decᵀ f + …   b_dec  output
//
// Every factor is a power of two, so the fold is exact: with σ(c z) = c σ(z) for c > 0 the active set is the same to the last bit
// and the reconstruction is x_hat' / s. For one site W_enc and W_dec keep their values (rows of unit norm stay so) and the biases
// are divided by s. A value that would leave the normal range of float32 is refused.
import { DataError } from '../../schemas/errors.js';
import type { TrainedParameter } from '../optimise/state.js';

export type Quantity = 'input' | 'feature' | 'output' | 'number';

export interface Unit {
  readonly of: Quantity;
  readonly per?: Quantity;
  /** Place among the sites read (input) or written (output); default the first. */
  readonly site?: number;
}

/** s of the sites read and of those written. */
export interface SiteScales {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

/** Weights of a dictionary by tensor name. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Weights in raw activation units from those of training. @throws DataError where one would lose bits */
export function foldToRaw(
  parameters: readonly (Pick<TrainedParameter, 'name'> & { readonly unit: Unit })[],
  trained: Weights,
  scales: SiteScales,
): Map<string, Float32Array> {
  return new Map(
    parameters.map(({ name, unit }) => {
      const values = trained.get(name);
      if (!values) throw new DataError(`Expected a trained tensor ${name}, found none.`, { tensor: name });
      return [name, multiplyExactly(name, values, rawFactor(unit, scales))];
    }),
  );
}

/** What a trained value of this unit is multiplied by. */
export function rawFactor({ of, per = 'number', site = 0 }: Unit, { reads, writes }: SiteScales): number {
  const scales: Readonly<Record<Quantity, number>> = {
    input: reads[site] ?? NaN,
    output: writes[site] ?? NaN,
    feature: writes[0] ?? NaN,
    number: 1,
  };
  return scales[per] / scales[of];
}

/** Values of a tensor in raw units. @throws DataError where one would lose bits */
export function multiplyExactly(name: string, values: Float32Array, factor: number): Float32Array {
  if (factor === 1) return values;
  const result = values.map((value) => value * factor);
  const lost = result.findIndex((value, i) => value / factor !== values[i]);
  if (lost >= 0) {
    const text = `Expected ${name}[${lost}] = ${values[lost] ?? NaN} to be divisible by the input scale ${1 / factor} in float32; it leaves the range. The activations are too small or too large for this dictionary.`;
    throw new DataError(text, { tensor: name, index: lost, scale: 1 / factor });
  }
  return result;
}
