// Quantised tensors: integers with a scale and a zero point.
import { dataTypeName } from '../data-type.js';
import type { TensorType } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { FLOAT, input, optional, row } from './row.js';

export const QUANTISATION = {
  DequantizeLinear: row({
    inputs: [2, 3],
    attributes: { axis: 'int', block_size: 'int', output_dtype: 'int' },
    infer: (call) => {
      const [x, scale] = [input(call, 0), input(call, 1, FLOAT)];
      return [{ dtype: chosen(call) ?? scale.dtype, shape: x.shape }];
    },
  }),
  DynamicQuantizeLinear: row({
    inputs: 1,
    outputs: 3,
    infer: (call): TensorType[] => [
      { dtype: 'uint8', shape: input(call, 0, FLOAT).shape },
      { dtype: 'float32', shape: [] },
      { dtype: 'uint8', shape: [] },
    ],
  }),
  QuantizeLinear: row({
    inputs: [2, 3],
    attributes: { axis: 'int', block_size: 'int', output_dtype: 'int', precision: 'int', saturate: 'int' },
    infer: (call) => {
      const x = input(call, 0);
      input(call, 1);
      const dtype = optional(call, 2)?.dtype ?? chosen(call) ?? 'uint8';
      return [{ dtype, shape: x.shape }];
    },
  }),
} satisfies Record<string, OperatorRow>;

function chosen(call: OperatorCall) {
  return dataTypeName(call.attributes.int('output_dtype', 0));
}
