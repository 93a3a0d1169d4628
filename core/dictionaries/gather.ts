// Stored rows to scaled float32 rows, in any order: target_i = scale · source[rows_i]. One pass, no objects per row.
import { halfToFloat } from '../tensor/half.js';

export interface GatherParts {
  /** Row numbers to take, in order. */
  readonly rows: Uint32Array;
  readonly width: number;
  readonly scale: number;
}

/** Fills `target` [rows, width] from `source` [n, width]; halves as their bits. */
export function gatherRows(
  source: Uint16Array | Float32Array,
  target: Float32Array,
  { rows, width, scale }: GatherParts,
): void {
  if (source instanceof Uint16Array) gatherHalves(source, target, { rows, width, scale });
  else gatherFloats(source, target, { rows, width, scale });
}

function gatherHalves(source: Uint16Array, target: Float32Array, { rows, width, scale }: GatherParts): void {
  let to = 0;
  for (const row of rows) {
    const end = (row + 1) * width;
    for (let from = row * width; from < end; from++) target[to++] = scale * halfToFloat(source[from] as number);
  }
}

function gatherFloats(source: Float32Array, target: Float32Array, { rows, width, scale }: GatherParts): void {
  let to = 0;
  for (const row of rows) {
    const end = (row + 1) * width;
    for (let from = row * width; from < end; from++) target[to++] = scale * (source[from] as number);
  }
}
