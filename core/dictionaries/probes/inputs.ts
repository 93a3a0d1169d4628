// What a probe may look at: columns of numbers over the same rows, dense (activations) or sparse (feature activations). Pure.

/** A class against others: row numbers and whether each is of the class. */
export interface Labelled {
  readonly rows: Uint32Array;
  /** [rows], 1: of the class */
  readonly y: Uint8Array;
}

export interface ProbeInputs {
  readonly columns: number;
  /** sums[column] += by · x[row, column] */
  add(sums: Float64Array, row: number, by: number): void;
  /** [rows, columns] of the given ones. */
  gather(rows: Uint32Array, columns: Uint32Array): Float64Array;
}

/** Feature activations, row by row. */
export interface SparseRows {
  /** [rows + 1] */
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}

/** @param act [rows, width] */
export function denseInputs(act: Float32Array, width: number): ProbeInputs {
  return {
    columns: width,
    add: (sums, row, by) => {
      for (let j = 0; j < width; j++) sums[j] = (sums[j] as number) + by * (act[row * width + j] as number);
    },
    gather: (rows, columns) => {
      const x = new Float64Array(rows.length * columns.length);
      let at = 0;
      for (const row of rows) for (const column of columns) x[at++] = act[row * width + column] as number;
      return x;
    },
  };
}

export function sparseInputs({ offsets, feature, value }: SparseRows, features: number): ProbeInputs {
  return {
    columns: features,
    add: (sums, row, by) => {
      for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) {
        const column = feature[i] as number;
        sums[column] = (sums[column] as number) + by * (value[i] as number);
      }
    },
    gather: (rows, columns) => {
      const x = new Float64Array(rows.length * columns.length);
      const place = new Map([...columns].map((column, j) => [column, j]));
      rows.forEach((row, i) => {
        for (let at = offsets[row] as number; at < (offsets[row + 1] as number); at++) {
          const j = place.get(feature[at] as number);
          if (j !== undefined) x[i * columns.length + j] = value[at] as number;
        }
      });
      return x;
    },
  };
}
