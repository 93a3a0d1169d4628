// Derivatives of ONNX's own losses over classes. Scores x [N, C, …], labels l [N, …], weights w by class; w_l = w[l], 0 where
// l is the ignored index. The loss per place is −w_l log p_l; reduction none, sum, or mean = Σ w_l (−log p_l) / Σ w_l.
import type { Value } from '../../onnx/shape.js';
import { forNeeded, inputOf, type Rule, type RuleCall } from '../rule.js';

/** dL/d(log p_l) per place [N, 1, …], and the labels [N, 1, …] with ignored ones at class 0. */
function atLabels(call: RuleCall, dy: Value): { gradient: Value; labels: Value } {
  const { k, g, attributes } = call;
  const scores = inputOf(call, 0);
  const given = inputOf(call, 1);
  const labels = k.op('Unsqueeze', [k.cast(given, 'int64'), g.integers(1)]);
  const ignored = attributes.has('ignore_index')
    ? k.compare('Equal', labels, g.integer(attributes.int('ignore_index', 0)))
    : null;
  const safe = ignored ? k.op('Where', [ignored, g.integer(0), labels]) : labels;
  const byClass = call.inputs[2];
  const weight = byClass ? k.op('Gather', [byClass, safe]) : filled(call, scores, safe);
  const w = ignored ? k.where(ignored, 0, weight) : weight;
  const reduction = attributes.text('reduction', 'mean');
  const each = reduction === 'none' ? k.op('Unsqueeze', [dy, g.integers(1)]) : dy;
  const scaled = k.neg(k.mul(w, each));
  if (reduction !== 'mean') return { gradient: scaled, labels: safe };
  return { gradient: k.div(scaled, k.op('ReduceSum', [w], { keepdims: 0 })), labels: safe };
}

function filled({ k }: RuleCall, scores: Value, labels: Value): Value {
  return k.op('Expand', [k.c(1, scores), k.op('Shape', [labels])]);
}

/** y = the loss of log probabilities x: dx = dL/d(log p_l) at the label, 0 elsewhere. */
export const negativeLogLikelihood: Rule = (call) => {
  const { k } = call;
  refuseWeights(call);
  const [dy = null] = call.cotangents;
  if (!dy) return [];
  const { gradient, labels } = atLabels(call, dy);
  const zeros = k.filledLike(inputOf(call, 0));
  return forNeeded(call, () => k.op('ScatterElements', [zeros, labels, gradient], { axis: 1 }));
};

/** y = the loss of scores x, log p = x − ln Σ eˣ: dx = g − p Σ g, where g is dL/d(log p), at the label and what arrives there. */
export const softmaxCrossEntropy: Rule = (call) => {
  const { k } = call;
  refuseWeights(call);
  const x = inputOf(call, 0);
  const p = k.of('Exp', call.outputs[1] ?? k.op('LogSoftmax', [x], { axis: 1 }));
  const [dy = null, dLog = null] = call.cotangents;
  const fromLog = dLog ? k.sub(dLog, k.mul(p, k.sum(dLog, [1]))) : null;
  if (!dy) return [fromLog];
  const { gradient, labels } = atLabels(call, dy);
  const spread = k.neg(k.mul(p, gradient));
  const inputs = [fromLog ? k.add(spread, fromLog) : spread, labels, gradient];
  return forNeeded(call, () => k.op('ScatterElements', inputs, { axis: 1, reduction: 'add' }));
};

function refuseWeights(call: RuleCall): void {
  if (call.needs(2))
    call.refuse('constant class weights', 'weights that are differentiated', 'Write the loss with Gather and Mul.');
}
