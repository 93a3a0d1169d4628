// Arithmetic on sizes: numbers, names of axes and polynomials over them, so that a graph's shapes are known without running
// it. A result that is no polynomial is null; the caller then takes a fresh unknown. Never guesses a size.
//
// A size is a sum of terms, a term an integer times a product of factors; factors are names, unknowns `?n`, or any other text
// in brackets. Canonical text: factors sorted, terms sorted with the number last (`2*batch*pos+pos-1`), so equal sizes that
// polynomials can express are equal strings.
import type { Dim } from './shape.js';

/** Coefficient by term; a term is its sorted factors, no factors being the number. */
type Polynomial = ReadonlyMap<string, Term>;
interface Term {
  readonly factors: readonly string[];
  readonly coefficient: number;
}

const MAX_TERMS = 24;
const MAX_FACTORS = 16;
const MAX_CACHED = 50_000;
/** Longest text of a size: a longer one is no size that anybody named, and takes long to work with. */
export const MAX_DIM_TEXT = 512;
const parsed = new Map<string, Polynomial>();

/** The sum, or null where it has no short form. */
export function addDims(a: Dim, b: Dim): Dim | null {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  return format(sum(polynomial(a), polynomial(b), 1));
}

/** The difference, or null where it has no short form. */
export function subtractDims(a: Dim, b: Dim): Dim | null {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return format(sum(polynomial(a), polynomial(b), -1));
}

/** The product, or null where it has no short form. */
export function multiplyDims(a: Dim, b: Dim): Dim | null {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  return format(product(polynomial(a), polynomial(b)));
}

/** The quotient where the division leaves no rest for any value of the names, else null. */
export function divideDims(a: Dim, b: Dim): Dim | null {
  if (b === 1 || b === 0) return b === 1 ? a : null;
  if (a === b) return 1;
  let rest = polynomial(a);
  const divisor = polynomial(b);
  const lead = leading(divisor);
  let quotient: Polynomial = new Map();
  for (let step = 0; rest.size > 0; step++) {
    const top = leading(rest);
    const term = top && lead && divideTerm(top, lead);
    if (!term || step === MAX_TERMS) return null;
    const part = new Map([[term.factors.join('*'), term]]);
    quotient = sum(quotient, part, 1);
    rest = sum(rest, product(part, divisor), -1);
  }
  return format(quotient);
}

/** The number of elements of a shape, or null where it has no short form. */
export function productOf(shape: readonly Dim[]): Dim | null {
  return shape.reduce<Dim | null>((size, dim) => (size === null ? null : multiplyDims(size, dim)), 1);
}

/** The size in its canonical text; `past + 1` becomes `past+1`. */
export function canonicalDim(dim: Dim): Dim {
  return typeof dim === 'number' ? dim : (format(polynomial(dim)) ?? dim);
}

/** Whether nothing is known of the size: `?n`. */
export function isUnknown(dim: Dim): boolean {
  return typeof dim === 'string' && dim.startsWith('?') && isPlain(dim);
}

/** Whether the size is the name of an axis, neither a number nor an expression nor unknown. */
export function isName(dim: Dim): boolean {
  return typeof dim === 'string' && !dim.startsWith('?') && isPlain(dim);
}

/** The number behind a size, given numbers for names; null where one is missing. */
export function evaluateDim(dim: Dim, sizes: Readonly<Record<string, number>>): number | null {
  if (typeof dim === 'number') return dim;
  let total = 0;
  for (const { factors, coefficient } of polynomial(dim).values()) {
    let value = coefficient;
    for (const factor of factors) {
      const size = Object.hasOwn(sizes, factor) ? sizes[factor] : undefined;
      if (size === undefined) return null;
      value *= size;
    }
    total += value;
  }
  return total;
}

/** Names that the size is made of, unknowns included. */
export function namesIn(dim: Dim): readonly string[] {
  if (typeof dim === 'number') return [];
  return [...new Set([...polynomial(dim).values()].flatMap((term) => term.factors))];
}

/** Whether the value is known not to be negative where every name is at least 1; an unknown may be any number. */
export function isNonNegative(dim: Dim): boolean {
  if (typeof dim === 'number') return dim >= 0;
  let least = 0;
  for (const { factors, coefficient } of polynomial(dim).values()) {
    const isSum = factors.every((factor) => !factor.startsWith('?'));
    if (!isSum || (factors.length > 0 && coefficient < 0)) return false;
    least += coefficient;
  }
  return least >= 0;
}

/** The ratio of two products as a number where all names cancel, else null. */
export function numericRatio(a: Dim, b: Dim): number | null {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : a / b;
  const top = polynomial(a);
  const bottom = polynomial(b);
  if (top.size !== 1 || bottom.size !== 1) return null;
  const [[key, term]] = top as unknown as [[string, Term]];
  const other = bottom.get(key);
  return other === undefined ? null : term.coefficient / other.coefficient;
}

function isPlain(dim: string): boolean {
  const terms = polynomial(dim);
  const term = terms.get(dim);
  return terms.size === 1 && term?.factors.length === 1 && term.coefficient === 1;
}

function polynomial(dim: Dim): Polynomial {
  if (typeof dim === 'number') return constant(dim);
  const known = parsed.get(dim);
  if (known) return known;
  if (dim.length > MAX_DIM_TEXT) return new Map([[dim, { factors: [dim], coefficient: 1 }]]);
  const result = parse(dim) ?? new Map([[dim, { factors: [dim], coefficient: 1 }]]);
  if (parsed.size >= MAX_CACHED) parsed.clear();
  parsed.set(dim, result);
  return result;
}

function constant(value: number): Polynomial {
  return value === 0 ? new Map() : new Map([['', { factors: [], coefficient: value }]]);
}

const FACTOR = /\s*(?:(\d+)|([A-Za-z_?][\w.$]*)|\(([^()]*)\))\s*/y;

/** Terms of `a*b+2*c-1`, or null for any other text. */
function parse(text: string): Polynomial | null {
  let total: Polynomial = new Map();
  let at = 0;
  let sign = 1;
  if (text.startsWith('-')) [at, sign] = [1, -1];
  for (;;) {
    const factors: string[] = [];
    let coefficient = sign;
    for (;;) {
      FACTOR.lastIndex = at;
      const match = FACTOR.exec(text);
      if (!match) return null;
      const factor = match[2] ?? match[3];
      if (factor === undefined) coefficient *= Number(match[1]);
      else factors.push(factor);
      at = FACTOR.lastIndex;
      if (text[at] !== '*') break;
      at++;
    }
    if (!Number.isSafeInteger(coefficient)) return null;
    factors.sort();
    const term: Polynomial = new Map([[factors.join('*'), { factors, coefficient }]]);
    total = sum(total, term, 1);
    if (at === text.length) return total;
    if (text[at] !== '+' && text[at] !== '-') return null;
    sign = text[at] === '+' ? 1 : -1;
    at++;
  }
}

function format(value: Polynomial): Dim | null {
  if (value.size > MAX_TERMS) return null;
  if (value.size === 0) return 0;
  const terms = [...value.values()].sort(byName);
  const first = terms[0];
  if (first && terms.length === 1) {
    if (first.factors.length === 0) return first.coefficient;
    if (first.factors.length === 1 && first.coefficient === 1) return first.factors[0] ?? null;
  }
  let text = '';
  for (const { factors, coefficient } of terms) {
    if (factors.length > MAX_FACTORS || !Number.isSafeInteger(coefficient)) return null;
    const size = Math.abs(coefficient);
    const parts = factors.map((f) => (/^[A-Za-z_?][\w.$]*$/.test(f) ? f : `(${f})`));
    if (size !== 1 || parts.length === 0) parts.unshift(String(size));
    text += (coefficient < 0 ? '-' : text === '' ? '' : '+') + parts.join('*');
    if (text.length > MAX_DIM_TEXT) return null;
  }
  return text;
}

function byName(a: Term, b: Term): number {
  if (a.factors.length === 0 || b.factors.length === 0) return b.factors.length - a.factors.length;
  const [left, right] = [a.factors.join('*'), b.factors.join('*')];
  return left < right ? -1 : left > right ? 1 : 0;
}

function sum(a: Polynomial, b: Polynomial, sign: 1 | -1): Polynomial {
  const total = new Map(a);
  for (const term of b.values()) addTerm(total, term, sign);
  return total;
}

function addTerm(total: Map<string, Term>, { factors, coefficient }: Term, sign: 1 | -1): void {
  const key = factors.join('*');
  const after = (total.get(key)?.coefficient ?? 0) + sign * coefficient;
  if (after === 0) total.delete(key);
  else total.set(key, { factors, coefficient: after });
}

function product(a: Polynomial, b: Polynomial): Polynomial {
  const total = new Map<string, Term>();
  for (const left of a.values()) {
    for (const right of b.values()) {
      const factors = [...left.factors, ...right.factors].sort();
      addTerm(total, { factors, coefficient: left.coefficient * right.coefficient }, 1);
    }
  }
  return total;
}

/** The term of the highest degree, then the first by name: an order that products keep, so division ends. */
function leading(value: Polynomial): Term | null {
  let best: Term | null = null;
  for (const term of value.values()) {
    const longer = best === null || term.factors.length > best.factors.length;
    if (longer || (term.factors.length === best?.factors.length && byName(term, best) < 0)) best = term;
  }
  return best;
}

function divideTerm(a: Term, b: Term): Term | null {
  const coefficient = a.coefficient / b.coefficient;
  if (!Number.isInteger(coefficient)) return null;
  const factors = [...a.factors];
  for (const factor of b.factors) {
    const at = factors.indexOf(factor);
    if (at < 0) return null;
    factors.splice(at, 1);
  }
  return { factors, coefficient };
}
