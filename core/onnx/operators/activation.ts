// Activation functions: one floating input, an output of its type and shape.
import type { OperatorRow } from './operator.js';
import { FLOAT, input, like, normaliseAxis, NUMERIC, optional, row, unary } from './row.js';

export const ACTIVATION = {
  Celu: unary(FLOAT, { alpha: 'float' }),
  Dropout: row({
    inputs: [1, 3],
    outputs: [1, 2],
    attributes: { ratio: 'float', seed: 'int', is_test: 'int' },
    infer: (call) => {
      const x = input(call, 0, FLOAT);
      optional(call, 1, FLOAT);
      optional(call, 2, ['bool']);
      return [like(x), { dtype: 'bool', shape: x.shape }];
    },
  }),
  Elu: unary(FLOAT, { alpha: 'float' }),
  Gelu: unary(FLOAT, { approximate: 'string' }),
  HardSigmoid: unary(FLOAT, { alpha: 'float', beta: 'float' }),
  HardSwish: unary(FLOAT),
  LeakyRelu: unary(FLOAT, { alpha: 'float' }),
  LogSoftmax: overAxis(),
  Mish: unary(FLOAT),
  Relu: unary(NUMERIC),
  Selu: unary(FLOAT, { alpha: 'float', gamma: 'float' }),
  Sigmoid: unary(FLOAT),
  Softmax: overAxis(),
  Softplus: unary(FLOAT),
  Softsign: unary(FLOAT),
  Swish: unary(FLOAT, { alpha: 'float' }),
  Tanh: unary(FLOAT),
  ThresholdedRelu: unary(FLOAT, { alpha: 'float' }),
} satisfies Record<string, OperatorRow>;

function overAxis(): OperatorRow {
  return row({
    inputs: 1,
    attributes: { axis: 'int' },
    infer: (call) => {
      const x = input(call, 0, FLOAT);
      const axis = call.attributes.int('axis', call.opset < 13 ? 1 : -1);
      if (x.shape && x.shape.length > 0) normaliseAxis(call, axis, x.shape.length);
      return [like(x)];
    },
  });
}
