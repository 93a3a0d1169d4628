// Logistic regression with an L2 penalty, in float64: what a linear probe is fitted by.
//
//   min over w, b   C Σ_i s_i log(1 + exp(−t_i (w·x_i + b))) + ½ ‖w‖²,   t_i = ±1,  s_i = n / (2 n_t)  ("balanced": both classes weigh alike)
//
// Convex, so there is one answer. By L-BFGS (Nocedal and Wright 2006, algorithm 7.5; m = 10) with steps that fulfil Armijo's condition.
// The form and its C are those of scikit-learn's LogisticRegression(class_weight="balanced"); proof: tests/golden/statistics.

export interface Examples {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly values: Float32Array | Float64Array;
  /** 1 for rows of the class, else 0 [rows]. */
  readonly positive: Uint8Array;
}

export interface LinearModel {
  readonly weights: Float64Array;
  readonly bias: number;
  /** Largest component of the gradient at the end, divided by Σ s_i C. */
  readonly gradient: number;
}

const MEMORY = 10;
const MOST_STEPS = 500;
const TOLERANCE = 1e-8;

/** @param C inverse strength of the penalty; default 1 */
export function fitLogistic(examples: Examples, C = 1): LinearModel {
  const { columns } = examples;
  const problem = new Problem(examples, C);
  let point = new Float64Array(columns + 1);
  let at = problem.at(point);
  const moves: Move[] = [];
  for (let step = 0; step < MOST_STEPS && largest(at.gradient) > TOLERANCE * problem.scale; step++) {
    const direction = descend(at.gradient, moves);
    const next = lineSearch(problem, { point, at, direction });
    if (next === null) break;
    remember(moves, { from: { point, at }, to: next });
    ({ point, at } = next);
  }
  return {
    weights: point.slice(0, columns),
    bias: point[columns] as number,
    gradient: largest(at.gradient) / problem.scale,
  };
}

/** w·x + b of row i. */
export function scoreOf({ weights, bias }: LinearModel, values: Float32Array | Float64Array, row: number): number {
  let sum = bias;
  const from = row * weights.length;
  for (let j = 0; j < weights.length; j++) sum += (weights[j] as number) * (values[from + j] as number);
  return sum;
}

interface Evaluated {
  readonly value: number;
  readonly gradient: Float64Array<ArrayBuffer>;
}

interface Place {
  readonly point: Float64Array<ArrayBuffer>;
  readonly at: Evaluated;
}

interface Move {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

class Problem {
  /** C Σ s_i */
  readonly scale: number;
  readonly #examples: Examples;
  readonly #weights: readonly [number, number];

  constructor(examples: Examples, C: number) {
    const { rows, positive } = examples;
    const ones = positive.reduce((sum, one) => sum + one, 0);
    const weight = (count: number): number => (count === 0 ? 0 : (C * rows) / (2 * count));
    this.#examples = examples;
    this.#weights = [weight(rows - ones), weight(ones)];
    this.scale = C * rows;
  }

  at(point: Float64Array): Evaluated {
    const { rows, columns, values, positive } = this.#examples;
    const gradient = new Float64Array(columns + 1);
    let value = 0;
    for (let j = 0; j < columns; j++) {
      value += 0.5 * (point[j] as number) ** 2;
      gradient[j] = point[j] as number;
    }
    for (let i = 0; i < rows; i++) {
      let score = point[columns] as number;
      const from = i * columns;
      for (let j = 0; j < columns; j++) score += (point[j] as number) * (values[from + j] as number);
      const isPositive = positive[i] === 1;
      const weight = this.#weights[isPositive ? 1 : 0];
      value += weight * softplus(isPositive ? -score : score);
      const slope = weight * (sigmoid(score) - (isPositive ? 1 : 0));
      for (let j = 0; j < columns; j++) gradient[j] = (gradient[j] as number) + slope * (values[from + j] as number);
      gradient[columns] = (gradient[columns] as number) + slope;
    }
    return { value, gradient };
  }
}

/** log(1 + e^x) */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/** −H g, H the approximation of the inverse Hessian by the last moves. */
function descend(gradient: Float64Array, moves: readonly Move[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const alphas: number[] = [];
  for (const { s, y, rho } of [...moves].reverse()) {
    const alpha = rho * dot(s, direction);
    alphas.push(alpha);
    addScaled(direction, y, -alpha);
  }
  const last = moves.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    direction.forEach((value, j) => (direction[j] = scale * value));
  }
  for (const { s, y, rho } of moves) addScaled(direction, s, (alphas.pop() as number) - rho * dot(y, direction));
  return direction;
}

/** Null where no step lowers the value: it is at its least, as far as float64 tells. */
function lineSearch(
  problem: Problem,
  { point, at, direction }: Place & { readonly direction: Float64Array },
): Place | null {
  const slope = dot(at.gradient, direction);
  if (!(slope < 0)) return null;
  for (let length = 1; length > 1e-12; length /= 2) {
    const next = point.map((value, j) => value + length * (direction[j] as number));
    const there = problem.at(next);
    if (there.value <= at.value + 1e-4 * length * slope) return { point: next, at: there };
  }
  return null;
}

function remember(moves: Move[], { from, to }: { readonly from: Place; readonly to: Place }): void {
  const s = to.point.map((value, j) => value - (from.point[j] as number));
  const y = to.at.gradient.map((value, j) => value - (from.at.gradient[j] as number));
  const curvature = dot(s, y);
  if (!(curvature > 0)) return;
  moves.push({ s, y, rho: 1 / curvature });
  if (moves.length > MEMORY) moves.shift();
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
}

function addScaled(target: Float64Array, values: Float64Array, factor: number): void {
  for (let j = 0; j < target.length; j++) target[j] = (target[j] as number) + factor * (values[j] as number);
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
