// The axes of a product of two tensors as letters, one spelling for MatMul and Einsum: which axes of the operands are one axis,
// and which of them the result has.
import { readAttributes } from '../onnx/attributes.js';
import type { NodeProto } from '../onnx/proto.js';

export interface ProductLetters {
  /** A letter per axis of each operand. */
  readonly operands: readonly [readonly string[], readonly string[]];
  readonly out: readonly string[];
}

/** Products of two tensors whose letters are known. */
export const LETTERED: ReadonlySet<string> = new Set(['MatMul', 'Einsum', 'FusedMatMul']);

/** The letters of a product of operands of these ranks; null for another operator or an equation with traces. */
export function productLetters(node: NodeProto, ranks: readonly [number, number]): ProductLetters | null {
  switch (node.opType) {
    case 'MatMul':
    case 'MatMulInteger':
      return matrixLetters(ranks, [false, false]);
    case 'FusedMatMul': {
      const attributes = readAttributes(node);
      if (attributes.int('transBatchA', 0) !== 0 || attributes.int('transBatchB', 0) !== 0) return null;
      return matrixLetters(ranks, [attributes.int('transA', 0) === 1, attributes.int('transB', 0) === 1]);
    }
    case 'Einsum':
      return node.input.length === 2 ? equationLetters(readAttributes(node).text('equation', ''), ranks) : null;
    default:
      return null;
  }
}

/** [.., m, k] · [.., k, n] = [.., m, n]; the axes before are aligned at the right. */
function matrixLetters(
  [left, right]: readonly [number, number],
  [turnLeft, turnRight]: readonly [boolean, boolean],
): ProductLetters | null {
  if (left < 2 || right < 2) return null;
  const rank = Math.max(left, right) - 2;
  const lead = Array.from({ length: rank }, (_, i) => `batch${i}`);
  const before = (operand: number): string[] => lead.slice(rank - (operand - 2));
  const a = turnLeft ? ['k', 'm'] : ['m', 'k'];
  const b = turnRight ? ['n', 'k'] : ['k', 'n'];
  return {
    operands: [
      [...before(left), ...a],
      [...before(right), ...b],
    ],
    out: [...lead, 'm', 'n'],
  };
}

function equationLetters(text: string, ranks: readonly [number, number]): ProductLetters | null {
  const equation = text.replaceAll(/\s/g, '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  const dots = terms.map((term, i) => (term.includes('...') ? (ranks[i] ?? 0) - (term.length - 3) : 0));
  const widest = Math.max(0, ...dots);
  const spell = (term: string, width: number): string[] => {
    const [before = '', after] = term.split('...');
    const middle = Array.from({ length: width }, (_, i) => `dots${widest - width + i}`);
    return after === undefined ? Array.from(before) : [...Array.from(before), ...middle, ...Array.from(after)];
  };
  const operands = terms.map((term, i) => spell(term, dots[i] ?? 0));
  const [a, b] = operands;
  if (a === undefined || b === undefined || operands.length !== 2) return null;
  const out = right === undefined ? implicitResult([a, b]) : spell(right, widest);
  const fits = a.length === ranks[0] && b.length === ranks[1];
  const once = [a, b, out].every((letters) => new Set(letters).size === letters.length);
  return fits && once ? { operands: [a, b], out } : null;
}

/** Without `->`: the axes of the ellipsis, then letters that occur once, sorted. */
function implicitResult([a, b]: readonly [readonly string[], readonly string[]]): string[] {
  const all = [...new Set([...a, ...b])];
  const dots = all.filter((letter) => letter.startsWith('dots')).sort();
  const once = all.filter((letter) => letter.length === 1 && a.includes(letter) !== b.includes(letter));
  return [...dots, ...once.sort()];
}

/** Letters that both operands have and the result has not. */
export function contractedLetters({ operands: [a, b], out }: ProductLetters): string[] {
  return a.filter((letter) => b.includes(letter) && !out.includes(letter));
}

/** What each letter of an operand stands for, where its layout is known; an axis of size 1 stands for nothing. */
export function byLetter<T>(letters: readonly string[], axes: readonly T[]): ReadonlyMap<string, T> {
  return new Map(letters.map((letter, i) => [letter, axes[i] as T]));
}
