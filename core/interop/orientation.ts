// Orientation where shapes do not tell it: of a square matrix [d, d] rows and columns have the same length. An autoencoder that was
// trained answers to its own decoder rows, so that feature i is what W_enc reads best in W_dec_i: the reconstruction of a decoder
// row by itself. Turned by mistake, it is not.
//
//   a(E, D) = mean over i of  E_i · D_i / (‖E_i‖ ‖D_i‖)      with E as stored, and with E turned
//
// Says nothing of transcoders (what they read is not what they write) and of weights at random.
import { InputError } from '../../schemas/errors.js';
import type { TakenTensor } from './taken-dictionary.js';

/** Alignment beyond which it is no accident: of random rows it is 1/√d per feature, and far less in the mean. */
const CLEAR = 0.2;

/**
 * A note that orientation could not be confirmed, or null where it is.
 * @throws InputError where encoder and decoder agree only with one of them turned
 */
export function confirmSquare(W_enc: TakenTensor, W_dec: TakenTensor, file: string): string | null {
  const [size = 0, columns] = W_enc.shape;
  if (size !== columns || W_dec.shape.join() !== W_enc.shape.join()) return null;
  const asStored = alignment(W_enc.values, W_dec.values, { size, turned: false });
  const turned = alignment(W_enc.values, W_dec.values, { size, turned: true });
  if (asStored >= CLEAR && asStored >= turned) return null;
  if (turned < CLEAR)
    return `W_enc and W_dec are square (${size} × ${size}) and not alike, so that neither shapes nor reconstruction confirm their orientation; it is taken as its format has it.`;
  throw new InputError(
    `Expected the rows of W_enc and W_dec in ${file} to belong to the same features, found a mean cosine of ${asStored.toFixed(3)} as they lie and ${turned.toFixed(3)} with one of them turned: the orientation of one is swapped. Save it transposed, or give the --format that it was written in.`,
    { file, asStored, turned },
  );
}

function alignment(
  a: Float32Array,
  b: Float32Array,
  { size, turned }: { readonly size: number; readonly turned: boolean },
): number {
  let total = 0;
  for (let i = 0; i < size; i++) {
    const sums = [0, 0, 0] as [number, number, number];
    for (let j = 0; j < size; j++) {
      const [x, y] = [a[turned ? j * size + i : i * size + j] as number, b[i * size + j] as number];
      sums[0] += x * y;
      sums[1] += x * x;
      sums[2] += y * y;
    }
    const norms = Math.sqrt(sums[1] * sums[2]);
    total += norms > 0 ? sums[0] / norms : 0;
  }
  return total / size;
}
