// Changes of weights that leave what a dictionary computes as it is: products in float64, rounded once to float32.
//
//   scale s of the input      W_enc ← s W_enc,  W_dec ← W_dec / s,  b_dec ← b_dec / s       (f and thresholds as they were)
//   norms c_i of W_dec_i      W_enc_i ← c_i W_enc_i,  b_i ← c_i b_i,  W_dec_i ← W_dec_i / c_i     (f_i becomes c_i f_i)
//   centring                  W_enc x + b = W_enc (x − b_dec) + (b + W_enc b_dec);  b_mag takes exp(r_mag) times as much
// Source of the first two: SAELens sae.py, `fold_activation_norm_scaling_factor` and `fold_W_dec_norm`.
import { InputError } from '../../schemas/errors.js';
import type { TakenTensor, TakenTensors } from './taken-dictionary.js';

/** Weights that take the raw activations where the given ones take them times s. */
export function foldInputScale(tensors: TakenTensors, scale: number): Map<string, TakenTensor> {
  const factors: Readonly<Record<string, number>> = { W_enc: scale, W_dec: 1 / scale, b_dec: 1 / scale };
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const factor = factors[name] ?? 1;
      return [name, factor === 1 ? tensor : { ...tensor, values: tensor.values.map((value) => value * factor) }];
    }),
  );
}

/** Norms of the rows of a matrix, in float64. */
export function rowNorms({ shape, values }: TakenTensor): Float64Array {
  const [rows = 0, columns = 1] = shape;
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) sum += (values[i] as number) ** 2;
    return Math.sqrt(sum);
  });
}

/** Weights whose feature i is ‖W_dec_i‖ times that of the given ones. @throws InputError where a row of W_dec is zero */
export function foldDecoderNorms(tensors: TakenTensors, file: string): Map<string, TakenTensor> {
  const norms = rowNorms(tensors.get('W_dec') as TakenTensor);
  const zero = norms.indexOf(0);
  if (zero >= 0)
    throw new InputError(
      `Expected decoder rows with a norm above 0 in ${file}, whose features are rescaled by them, found that row ${zero} of W_dec is 0; its source gives NaN for every input. Leave that feature out before saving.`,
      { file, feature: zero },
    );
  return new Map(
    [...tensors].map(([name, tensor]) => {
      if (!['W_enc', 'W_dec', 'b_enc', 'b_gate', 'b_mag', 'threshold'].includes(name)) return [name, tensor];
      const [, columns = 1] = tensor.shape;
      const values = tensor.values.map((value, i) => {
        const norm = norms[Math.floor(i / columns)] as number;
        return name === 'W_dec' ? value / norm : value * norm;
      });
      return [name, { ...tensor, values }];
    }),
  );
}

/**
 * Biases for an encoder that is centred where the given ones are for one that is not, or the other way round.
 * @param sign 1: towards W_enc (x − b_dec); −1: towards W_enc x
 */
export function foldCentring(tensors: TakenTensors, sign: 1 | -1): Map<string, TakenTensor> {
  const { shape, values } = tensors.get('W_enc') as TakenTensor;
  const b_dec = (tensors.get('b_dec') as TakenTensor).values;
  const [, width = 0] = shape;
  const product = (row: number): number => {
    let sum = 0;
    for (let j = 0; j < width; j++) sum += (values[row * width + j] as number) * (b_dec[j] as number);
    return sum;
  };
  const added = Float64Array.from({ length: shape[0] ?? 0 }, (_, row) => sign * product(row));
  const r_mag = tensors.get('r_mag')?.values;
  return new Map(
    [...tensors].map(([name, tensor]) => {
      if (!['b_enc', 'b_gate', 'b_mag'].includes(name)) return [name, tensor];
      const factor = (row: number): number => (name === 'b_mag' && r_mag ? Math.exp(r_mag[row] as number) : 1);
      return [
        name,
        { ...tensor, values: tensor.values.map((value, row) => value + factor(row) * (added[row] as number)) },
      ];
    }),
  );
}
