// ONNX element types: their numbers, names and sizes. The names are those that inference sessions use as well.

/** Numbers of TensorProto.DataType that the project reads or writes. */
export const DATA_TYPE = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;
export type DataTypeName = keyof typeof DATA_TYPE;

const NAMES = new Map<number, DataTypeName>(
  (Object.keys(DATA_TYPE) as DataTypeName[]).map((name) => [DATA_TYPE[name], name]),
);

/** The name of a data type number, or null for one that the project does not know. */
export function dataTypeName(dataType: number): DataTypeName | null {
  return NAMES.get(dataType) ?? null;
}
