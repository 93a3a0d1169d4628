// The rows that probes are fitted to and scored on: of each the activations, the features that fire, the class and the document. Pure.

/** Features that fire, row by row: those of row i lie in offsets[i] … offsets[i + 1], ascending. */
export interface FiringRows {
  /** [rows + 1] */
  readonly offsets: Uint32Array;
  readonly feature: Uint32Array;
  readonly value: Float32Array;
}

export interface ProbeRows {
  readonly rows: number;
  /** d */
  readonly width: number;
  /** [rows, d] */
  readonly act: Float32Array;
  readonly firing: FiringRows;
  /** Class of each row. */
  readonly label: Uint16Array;
  readonly doc: Uint32Array;
  /** Order in which rows are drawn: the smaller come first. */
  readonly draw: Float64Array;
}

/** Some of the rows, with which of them are of the class. */
export interface Task {
  readonly rows: Uint32Array;
  /** [rows] */
  readonly positive: Uint8Array;
}

/** At most `most` rows of the class and as many of all others, those that are drawn first. */
export function taskOf({ rows, label, draw }: ProbeRows, wanted: number, most: number): Task {
  const order = Uint32Array.from({ length: rows }, (_, i) => i).sort(
    (a, b) => (draw[a] as number) - (draw[b] as number) || a - b,
  );
  const own = order.filter((row) => label[row] === wanted).subarray(0, most);
  const others = order.filter((row) => label[row] !== wanted).subarray(0, own.length);
  const all = Uint32Array.from([...own, ...others]).sort();
  return { rows: all, positive: Uint8Array.from(all, (row) => (label[row] === wanted ? 1 : 0)) };
}

/** Values of some features on some rows [rows, features]. */
export function featureValues({ firing }: ProbeRows, rows: Uint32Array, features: readonly number[]): Float64Array {
  const { offsets, feature, value } = firing;
  const column = new Map(features.map((one, j) => [one, j]));
  const values = new Float64Array(rows.length * features.length);
  rows.forEach((row, i) => {
    for (let p = offsets[row] as number; p < (offsets[row + 1] as number); p++) {
      const j = column.get(feature[p] as number);
      if (j !== undefined) values[i * features.length + j] = value[p] as number;
    }
  });
  return values;
}

/** Coordinates of activations on some rows [rows, coordinates]. */
export function coordinateValues(
  { act, width }: ProbeRows,
  rows: Uint32Array,
  coordinates: readonly number[],
): Float64Array {
  const values = new Float64Array(rows.length * coordinates.length);
  rows.forEach((row, i) =>
    coordinates.forEach((at, j) => (values[i * coordinates.length + j] = act[row * width + at] as number)),
  );
  return values;
}
