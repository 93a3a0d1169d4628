// A safetensors file above 2 GiB that takes no room on the disk: a tensor of zeros that was never written lies before the others.
import { open } from 'node:fs/promises';
import { encodeSafetensors, type SafeTensor } from '../../core/tensor/safetensors.js';

/** Bytes of the tensor `padding`, more than what the system, a hash or Node's readFile takes at once. */
export const PADDING_BYTES = 3e9;

/** Writes `padding` and, after it, the given tensors. */
export async function writeSparseSafetensors(path: string, tensors: ReadonlyMap<string, SafeTensor>): Promise<void> {
  const padding: SafeTensor = { dtype: 'U8', shape: [PADDING_BYTES], bytes: { length: PADDING_BYTES } as Uint8Array };
  const [header, , ...rest] = encodeSafetensors(new Map([['padding', padding], ...tensors]));
  const file = await open(path, 'w');
  try {
    await file.write(header as Uint8Array, 0);
    let at = (header?.length ?? 0) + PADDING_BYTES;
    for (const bytes of rest) {
      await file.write(bytes, 0, bytes.length, at);
      at += bytes.length;
    }
  } finally {
    await file.close();
  }
}
