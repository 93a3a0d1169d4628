// Losses over classes: scores [N, C, …] and labels [N, …].
import { unifyDims } from '../broadcast.js';
import type { TensorType } from '../shape.js';
import type { OperatorCall, OperatorRow } from './operator.js';
import { FLOAT, INDEX, input, optional, row } from './row.js';

const attributes = { ignore_index: 'int', reduction: 'string' } as const;

export const LOSS = {
  NegativeLogLikelihoodLoss: row({ inputs: [2, 3], attributes, infer: overClasses }),
  SoftmaxCrossEntropyLoss: row({ inputs: [2, 3], outputs: [1, 2], attributes, infer: overClasses }),
} satisfies Record<string, OperatorRow>;

/** The loss (a scalar unless reduction is none) and, where there is one, the log probabilities. */
function overClasses(call: OperatorCall): TensorType[] {
  const [scores, labels] = [input(call, 0, FLOAT), input(call, 1, INDEX)];
  optional(call, 2, FLOAT);
  const { dtype, shape } = scores;
  if (shape && labels.shape) {
    const expected = shape.filter((_, axis) => axis !== 1);
    if (expected.length !== labels.shape.length)
      call.fail(`labels [${expected.join(', ')}]`, `[${labels.shape.join(', ')}]`);
    expected.forEach((dim, axis) => unifyDims(dim, labels.shape?.[axis] ?? dim, call));
  }
  const reduction = call.attributes.text('reduction', 'mean');
  if (!['none', 'mean', 'sum'].includes(reduction)) call.fail('none, mean or sum', reduction);
  const each = labels.shape ?? shape?.filter((_, axis) => axis !== 1) ?? null;
  return [
    { dtype, shape: reduction === 'none' ? each : [] },
    { dtype, shape },
  ];
}
