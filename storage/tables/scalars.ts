// The scalar types that a column may be made of, one row each: bytes on disk and the array that holds them in memory (their
// Arrow types: storage/tables/arrow-types.ts). In memory: u64 and i64 = Float64Array of integers within ±2^53, f16 = Uint16Array of bits, bool = Uint8Array
// of 0 and 1, utf8 = strings.
export type Utf8 = readonly string[];
export type TypedValues = Uint32Array | Int32Array | Float64Array | Float32Array | Uint16Array | Uint8Array;
export type LeafValues = TypedValues | Utf8;

interface ScalarRow<H = LeafValues> {
  /** Bytes of a value on disk; of text those of its offset. */
  readonly bytes: number;
  readonly held: new (length: number) => H;
}

export const SCALARS = {
  u32: { bytes: 4, held: Uint32Array },
  u64: { bytes: 8, held: Float64Array },
  i32: { bytes: 4, held: Int32Array },
  i64: { bytes: 8, held: Float64Array },
  f16: { bytes: 2, held: Uint16Array },
  f32: { bytes: 4, held: Float32Array },
  f64: { bytes: 8, held: Float64Array },
  bool: { bytes: 1, held: Uint8Array },
  utf8: { bytes: 4, held: Array<string> },
} as const satisfies { readonly [S in keyof HeldAs]: ScalarRow<HeldAs[S]> };

export type Scalar = keyof HeldAs;

/** What holds the values of a scalar in memory. */
export interface HeldAs {
  readonly u32: Uint32Array;
  readonly u64: Float64Array;
  readonly i32: Int32Array;
  readonly i64: Float64Array;
  readonly f16: Uint16Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly bool: Uint8Array;
  readonly utf8: Utf8;
}

/** A scalar's row, as every scalar has it. */
export function scalarRow(scalar: Scalar): ScalarRow {
  return SCALARS[scalar];
}
