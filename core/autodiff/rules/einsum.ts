// Derivative of Einsum: the gradient of each operand is an Einsum of the cotangent with the other operands.
import type { Value } from '../../onnx/shape.js';
import { cotangentOf, inputOf, rankOf, type Rule, type RuleCall } from '../rule.js';

interface Equation {
  /** Labels per operand, the ellipsis spelt out. */
  readonly operands: readonly string[];
  readonly result: string;
  /** Labels that stand for axes of an ellipsis: these may be stretched. */
  readonly stretchy: string;
}

/**
 * Y[out] = Σ ∏ Xⱼ[inⱼ]: dXᵢ[inᵢ] = Σ dY[out] ∏_{j≠i} Xⱼ[inⱼ], with the axes that only Xᵢ has stretched afterwards.
 */
export const einsum: Rule = (call) => {
  const equation = parseEquation(call);
  return call.inputs.map((_, i) => (call.needs(i) ? operandGradient(call, equation, i) : null));
};

function operandGradient(call: RuleCall, equation: Equation, i: number): Value {
  const { k, g } = call;
  const x = inputOf(call, i);
  const wanted = equation.operands[i] ?? '';
  if (new Set(wanted).size !== wanted.length)
    call.refuse('each label once per operand', `"${wanted}"`, 'Write the diagonal with Gather.');
  const rest = equation.operands.filter((_, j) => j !== i);
  const terms = [equation.result, ...rest];
  const others = call.inputs.flatMap((v, j) => (j === i || !v ? [] : [settled(call, equation, { value: v, j })]));
  const values = [cotangentOf(call), ...others];
  const present = Array.from(wanted).filter((label) => terms.some((term) => term.includes(label)));
  const attributes = { equation: `${terms.join(',')}->${present.join('')}` };
  const made = k.op('Einsum', values, attributes);
  const missing = Array.from(wanted).flatMap((label, axis) => (present.includes(label) ? [] : [axis]));
  const full = missing.length === 0 ? made : k.op('Unsqueeze', [made, g.integers(...missing)]);
  const stretched = Array.from(wanted).some((label) => equation.stretchy.includes(label));
  const summed = stretched && missing.length === 0 ? k.sumTo(full, x, { others: [null] }) : full;
  if (stretched && missing.length > 0)
    call.refuse('no summed-out axis beside an ellipsis', `"${wanted}"`, 'Sum it before Einsum.');
  return missing.length === 0 ? summed : k.expandLike(summed, x);
}

/** Operand j where it may hold NaN and the node is guarded: 0 where all of dY that it meets is 0. */
function settled(call: RuleCall, equation: Equation, { value, j }: { value: Value; j: number }): Value {
  const { k, g } = call;
  if (!call.guarded || !call.risky(j)) return value;
  const own = Array.from(equation.operands[j] ?? '');
  const shared = own.filter((label) => equation.result.includes(label));
  const size = k.op('Einsum', [k.of('Abs', cotangentOf(call))], {
    equation: `${equation.result}->${shared.join('')}`,
  });
  const missing = own.flatMap((label, axis) => (shared.includes(label) ? [] : [axis]));
  const met = missing.length === 0 ? size : k.op('Unsqueeze', [size, g.integers(...missing)]);
  return k.where(k.compare('Equal', met, k.c(0, met)), 0, value);
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The equation with its ellipsis as letters and its result written out. */
function parseEquation(call: RuleCall): Equation {
  const text = call.attributes.text('equation', '').replaceAll(' ', '');
  const [left = '', right] = text.split('->');
  const terms = left.split(',');
  const used = new Set(text.replaceAll(/[^A-Za-z]/g, ''));
  const free = Array.from(LETTERS).filter((letter) => !used.has(letter));
  const widths = terms.map((term, i) =>
    term.includes('...') ? rankOf(call, inputOf(call, i)) - (term.length - 3) : 0,
  );
  const stretchy = free.slice(0, Math.max(0, ...widths)).join('');
  const spell = (term: string, width: number): string => term.replace('...', stretchy.slice(stretchy.length - width));
  const operands = terms.map((term, i) => spell(term, widths[i] ?? 0));
  const once = [...used].filter((label) => left.split(label).length === 2).sort();
  const result = right ?? `${left.includes('...') ? '...' : ''}${once.join('')}`;
  return { operands, result: spell(result, stretchy.length), stretchy };
}
