// From which number a model counts positions that it takes as an input. Without a learned table (rotary) from 0. A learned table can
// tell: PyTorch keeps the row of a padding index at zero, and such models count from the row after it (RoBERTa: row 1 is zero,
// positions start at 2). A table without a row of zeros does not tell, and nothing is assumed.
import { open } from 'node:fs/promises';
import type { ModelSites } from '../core/hooks/sites.js';
import { graphOf } from '../core/onnx/cut.js';
import { DATA_TYPE } from '../core/onnx/data-type.js';
import type { ModelProto, TensorProto } from '../core/onnx/proto.js';

/** Rows at the front of a table among which a padding row is looked for. */
const FRONT_ROWS = 16;

interface Places {
  readonly external: readonly { readonly location: string; readonly path: string }[];
}

/** The first number of a context's positions; null where a table has them and does not tell. */
export async function positionStart(
  model: ModelProto,
  { positionRows }: Pick<ModelSites, 'positionRows'>,
  places: Places,
): Promise<number | null> {
  if (positionRows === null) return 0;
  const tensor = graphOf(model).initializer.find(({ name }) => name === positionRows.table);
  const bytes = tensor && elementBytes(tensor);
  const [rows = 0, width = 0] = tensor?.dims ?? [];
  if (tensor === undefined || bytes === undefined || tensor.dims.length !== 2) return null;
  const front = Math.min(FRONT_ROWS, Math.floor(rows / 2));
  const data = await frontOf(tensor, front * width * bytes, places);
  if (data === null) return null;
  const isZero = (row: number): boolean =>
    data.subarray(row * width * bytes, (row + 1) * width * bytes).every((b) => b === 0);
  let after = Array.from({ length: front }, (_, row) => row).findIndex(isZero);
  if (after < 0) return null;
  while (after < front && isZero(after)) after++;
  return after === front ? null : Math.max(0, after - positionRows.shift);
}

function elementBytes({ dataType }: TensorProto): number | undefined {
  if (dataType === DATA_TYPE.float32) return 4;
  if (dataType === DATA_TYPE.float64) return 8;
  return dataType === DATA_TYPE.float16 || dataType === DATA_TYPE.bfloat16 ? 2 : undefined;
}

/** The first bytes of a stored tensor, inside the model or in the file that it names; null where they cannot be read. */
async function frontOf(tensor: TensorProto, bytes: number, { external }: Places): Promise<Uint8Array | null> {
  if (tensor.externalData.length === 0) {
    const data = tensor.rawData ?? (tensor.floatData.length > 0 ? viewOf(Float32Array.from(tensor.floatData)) : null);
    return data && data.length >= bytes ? data.subarray(0, bytes) : null;
  }
  const entry = (key: string): string | undefined => tensor.externalData.find((one) => one.key === key)?.value;
  const file = external.find(({ location }) => location === entry('location'));
  if (file === undefined) return null;
  const handle = await open(file.path);
  try {
    const data = new Uint8Array(bytes);
    const { bytesRead } = await handle.read(data, 0, bytes, Number(entry('offset') ?? 0));
    return bytesRead === bytes ? data : null;
  } finally {
    await handle.close();
  }
}

function viewOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
