// Reads where the tensors of a safetensors file lie, from its header alone: weights are never read. A header that does not fit its
// file is refused before anything else is done with it.
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { StoredTensor } from '../../core/decoders/match-tensors.js';
import { shownName } from '../../core/onnx/shown-name.js';
import { layoutFault, type DataRange } from '../../core/tensor/safetensors-layout.js';
import { InputError } from '../../schemas/errors.js';
import { passMachineFault } from '../../schemas/system-errors.js';

/** Largest header: the limit of the format's own library. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

/** Bits of an element by the format's names; types that we do not read are listed so that their sizes are checked alike. */
const BITS: Readonly<Record<string, number>> = {
  ...{
    F64: 64,
    F32: 32,
    F16: 16,
    BF16: 16,
    I64: 64,
    I32: 32,
    I16: 16,
    I8: 8,
    U64: 64,
    U32: 32,
    U16: 16,
    U8: 8,
    BOOL: 8,
  },
  ...{ F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8, F6_E2M3: 6, F6_E3M2: 6, F4: 4, C64: 64 },
};

/**
 * The tensors of one file, by name.
 * @param name how the file is called in its model's folder
 * @throws InputError where it cannot be read or its header does not fit it
 */
export async function readSafetensorsHeader(
  file: string,
  name = path.basename(file),
): Promise<Map<string, StoredTensor>> {
  const { text, start, bytes } = await readHeaderText(file);
  const header = parseHeader(file, text);
  const tensors = new Map<string, StoredTensor>();
  const ranges: DataRange[] = [];
  for (const [tensor, entry] of Object.entries(header)) {
    if (tensor === '__metadata__') continue;
    const { dtype, shape, from, to } = checkEntry(file, tensor, entry);
    if (start + to > bytes)
      throw damaged(
        file,
        `tensor "${shownName(tensor)}" ends at byte ${start + to}, the file at ${bytes}: it is cut short`,
      );
    tensors.set(tensor, { dtype, shape, file: name, offset: start + from, bytes: to - from });
    ranges.push({ name: tensor, from, to });
  }
  const fault = layoutFault(ranges, bytes - start);
  if (fault !== null) throw damaged(file, fault);
  return tensors;
}

async function readHeaderText(
  file: string,
): Promise<{ readonly text: string; readonly start: number; readonly bytes: number }> {
  const handle = await open(file).catch((error: unknown) => {
    passMachineFault(error);
    throw new InputError(
      `Expected weights in "${file}", found none that can be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}). Copy or download the file.`,
      { path: file },
    );
  });
  try {
    const { size } = await handle.stat();
    const lead = Buffer.alloc(LENGTH_BYTES);
    await handle.read(lead, 0, LENGTH_BYTES, 0);
    if (size < LENGTH_BYTES)
      throw damaged(file, size === 0 ? 'it is empty' : `its ${size} bytes are too few for a header`);
    const length = Number(lead.readBigUInt64LE());
    if (length < 2 || length > MAX_HEADER_BYTES || LENGTH_BYTES + length > size)
      throw damaged(file, pointerText(lead) ?? `a header of ${length} bytes does not fit a file of ${size} bytes`);
    const header = Buffer.alloc(length);
    const { bytesRead } = await handle.read(header, 0, length, LENGTH_BYTES);
    if (bytesRead < length) throw damaged(file, 'its header is cut short');
    return { text: header.toString('utf8'), start: LENGTH_BYTES + length, bytes: size };
  } finally {
    await handle.close();
  }
}

/** What is said of a file that git-lfs put in place of the weights. */
function pointerText(lead: Buffer): string | null {
  return lead.toString('latin1') === 'version '
    ? 'this is the pointer of git-lfs, not the weights (`git lfs pull` fetches them)'
    : null;
}

function parseHeader(file: string, text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    throw damaged(file, `its header is not JSON (${(error as Error).message.slice(0, 100)})`);
  }
  if (typeof header === 'object' && header !== null && !Array.isArray(header)) return header as Record<string, unknown>;
  throw damaged(file, 'its header is no JSON object');
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function checkEntry(file: string, tensor: string, entry: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const bits = typeof dtype === 'string' && Object.hasOwn(BITS, dtype) ? BITS[dtype] : undefined;
  const sizes = numbers(shape);
  const [from, to, ...rest] = numbers(offsets) ?? [];
  if (bits === undefined || sizes === null || from === undefined || to === undefined || rest.length > 0)
    throw damaged(file, `tensor "${shownName(tensor)}" has no valid dtype, shape and data_offsets`);
  const bytes = (sizes.reduce((product, size) => product * size, 1) / 8) * bits;
  if (to - from !== bytes)
    throw damaged(
      file,
      `tensor "${shownName(tensor)}" ${String(dtype)} [${sizes.join(', ')}] needs ${bytes} bytes, its range holds ${to - from}`,
    );
  return { dtype: dtype as string, shape: sizes, from, to };
}

/** Whole numbers from 0; null where there are others. */
function numbers(value: unknown): number[] | null {
  const fine = (one: unknown): boolean => Number.isSafeInteger(one) && (one as number) >= 0;
  return Array.isArray(value) && value.every(fine) ? (value as number[]) : null;
}

function damaged(file: string, what: string): InputError {
  return new InputError(`Expected a whole safetensors file, got "${file}": ${what}. Copy or download it again.`, {
    path: file,
  });
}
