// How many bytes or numbers a stored tensor must have by its shape and element type. Reads no data.
import { InputError } from '../../schemas/errors.js';
import { shownName } from './shown-name.js';
import type { TensorProto } from './proto.js';

/** Bits of an element by TensorProto.DataType; those not listed (texts, newer types) have no size that is known here. */
const BITS: Readonly<Record<number, number>> = {
  ...{ 1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64 },
  ...{ 15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2 },
};

/** Product of the tensor's sizes. @throws InputError where a size is negative or the product is beyond 2^53 */
export function elementCount(tensor: TensorProto): number {
  let count = 1;
  for (const size of tensor.dims) {
    if (size < 0) throw wrongShape(tensor, `the size ${size}`);
    count *= size;
  }
  if (Number.isSafeInteger(count)) return count;
  // A size of zero makes an empty tensor, however large the others are.
  if (tensor.dims.includes(0)) return 0;
  throw wrongShape(tensor, `${count} elements`);
}

/** Bytes of the tensor as raw or external data; null for element types of unknown size. @throws InputError as elementCount */
export function storedBytes(tensor: TensorProto): number | null {
  const bits = BITS[tensor.dataType ?? 0];
  const count = elementCount(tensor);
  if (bits === undefined) return null;
  const bytes = Math.ceil((count / 8) * bits);
  if (!Number.isSafeInteger(bytes)) throw wrongShape(tensor, `${bytes} bytes`);
  return bytes;
}

function wrongShape(tensor: TensorProto, found: string): InputError {
  const { name = '', dims } = tensor;
  const shape = `[${dims.slice(0, 8).join(', ')}${dims.length > 8 ? ', …' : ''}]`;
  return new InputError(
    `Expected a tensor that fits into memory, found ${found} in tensor "${shownName(name)}" of shape ${shape}. The file is damaged: export it anew.`,
    { tensor: shownName(name), shape },
  );
}
