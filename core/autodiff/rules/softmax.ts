// Derivatives of the normalised exponentials, along one axis.
import { cotangentOf, maskedRows, outputOf, type Rule } from '../rule.js';

/** y = eˣ / Σ eˣ: dx = y (dy − Σ dy y). */
export const softmax: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const axis = call.attributes.int('axis', -1);
  // A row whose entries are all −∞ has no finite softmax.
  const y = maskedRows(call, outputOf(call, 0), { dy, axes: [axis] });
  const weighted = k.mul(dy, y);
  return [k.sub(weighted, k.mul(y, k.sum(weighted, [axis])))];
};

/** y = x − ln Σ eˣ: dx = dy − eʸ Σ dy. */
export const logSoftmax: Rule = (call) => {
  const { k } = call;
  const dy = cotangentOf(call);
  const axis = call.attributes.int('axis', -1);
  const y = maskedRows(call, outputOf(call, 0), { dy, axes: [axis] });
  return [k.sub(dy, k.mul(k.of('Exp', y), k.sum(dy, [axis])))];
};
