// How shapes meet: ONNX's broadcasting, and axes that must have equal sizes. Numbers are compared, names too; an unknown size
// or an expression may equal anything. Used by the operator table only through these two laws.
import { isName, isUnknown, namesIn, subtractDims } from './symbolic.js';
import type { Dim } from './shape.js';

/** What the comparison of sizes needs; an operator call is one. */
export interface SizeRules {
  /** The number behind a size, where it is known. */
  sizeOf(dim: Dim): number | null;
  /** A size that nothing is known of. */
  unknownDim(): Dim;
  /** Two different names in one axis are taken for one size: foreign files may name one size twice. */
  readonly lenient?: boolean;
  fail(expected: string, got: string): never;
}

/** Whether two sizes are known to be equal. */
export function sameSize(a: Dim, b: Dim, rules: Pick<SizeRules, 'sizeOf'>): boolean {
  if (a === b || subtractDims(a, b) === 0) return true;
  const size = rules.sizeOf(a);
  return size !== null && size === rules.sizeOf(b);
}

/** The one size of two that must be equal. @throws through `fail` where they are known to differ. */
export function unifyDims(a: Dim, b: Dim, rules: SizeRules): Dim {
  if (!differ(a, b, rules)) return better(a, b);
  return rules.fail('two axes of one size', `${a} and ${b}`);
}

/**
 * The shape of an elementwise result: axes aligned at the right, 1 stretched. Null where one rank is unknown.
 * @throws through `fail` where sizes differ and neither is 1.
 */
export function broadcastShapes(shapes: readonly (readonly Dim[] | null)[], rules: SizeRules): readonly Dim[] | null {
  let result: readonly Dim[] | null = [];
  for (const shape of shapes) {
    if (shape === null || result === null) result = null;
    else if (!sameShape(shape, result)) result = broadcastPair(result, shape, rules);
  }
  return result;
}

function broadcastPair(a: readonly Dim[], b: readonly Dim[], rules: SizeRules): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === right || rules.sizeOf(right) === 1) return left;
    if (rules.sizeOf(left) === 1) return right;
    if (!differ(left, right, rules))
      return isUnknown(left) && isUnknown(right) ? rules.unknownDim() : better(left, right);
    return rules.fail(
      'shapes that broadcast: equal sizes, or 1, from the right',
      `[${a.join(', ')}] and [${b.join(', ')}], where ${left} meets ${right}`,
    );
  });
}

/** Whether two shapes are written the same. */
export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** Whether two sizes are known to differ; two different names without numbers are, unless the rules are lenient. */
function differ(a: Dim, b: Dim, rules: SizeRules): boolean {
  if (a === b) return false;
  const [left, right] = [rules.sizeOf(a), rules.sizeOf(b)];
  if (left !== null && right !== null) return left !== right;
  if (isName(a) && isName(b)) return rules.lenient !== true;
  const gap = subtractDims(a, b);
  return typeof gap === 'number' && gap !== 0;
}

/** The size that says more: number, name, expression of names, then what holds an unknown. */
function better(a: Dim, b: Dim): Dim {
  return knowledge(b) > knowledge(a) ? b : a;
}

function knowledge(dim: Dim): number {
  if (typeof dim === 'number') return 4;
  if (isUnknown(dim)) return 0;
  if (isName(dim)) return 3;
  return namesIn(dim).some((name) => name.startsWith('?')) ? 1 : 2;
}
