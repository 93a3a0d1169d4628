// Logistic regression with a penalty on the squares of the weights, the optimum to rounding: Newton's method whose steps are solved by
// conjugate gradients, in float64. Deterministic: no draws, sums in the order of the rows.
//
//   L(w, b) = Σ_i c_i log(1 + exp(−s_i (x_i·w + b))) + ½ ‖w‖² / C        s_i = 1 for y_i = 1, else −1; b is not penalised
//   ∇ = (Xᵀ r + w / C, Σ r)           r_i = c_i (p_i − y_i),  p_i = σ(x_i·w + b)
//   H v = (Xᵀ (D (X v_w + v_b)) + v_w / C, Σ D (X v_w + v_b))            D_i = c_i p_i (1 − p_i)
//   step: H δ = −∇ until ‖residual‖ ≤ min(½, √‖∇‖) ‖∇‖; halved until L falls by 10⁻⁴ of what the slope says
//
// The loss is that of scikit-learn's LogisticRegression (C, class weights as c). Source of the method: Nocedal and Wright (2006),
// algorithm 7.1. Proof: tests/golden/probes/probes.test.ts, against scikit-learn.

export interface LogisticProblem {
  /** [rows, columns] */
  readonly x: Float64Array;
  readonly columns: number;
  /** [rows], 0 or 1; both are there */
  readonly y: Uint8Array;
  /** [rows], c; left out: 1 each */
  readonly rowWeights?: Float64Array;
  /** C */
  readonly strength: number;
}

export interface LogisticFit {
  /** [columns] */
  readonly weights: Float64Array;
  readonly bias: number;
}

const MOST_STEPS = 100;
/** Of the greatest entry of the gradient, in units of Σ c. */
const TOLERANCE = 1e-10;
const MOST_HALVINGS = 40;

/** The weights and the bias of least loss. */
export function fitLogistic(problem: LogisticProblem): LogisticFit {
  const { columns, y, rowWeights } = problem;
  // The bias is the last of the parameters.
  const at = new Float64Array(columns + 1);
  const total = rowWeights ? rowWeights.reduce((sum, value) => sum + value, 0) : y.length;
  let state = evaluate(problem, at);
  for (let step = 0; step < MOST_STEPS; step++) {
    if (state.gradient.every((value) => Math.abs(value) <= TOLERANCE * total)) break;
    const direction = newtonDirection(problem, state);
    const next = searchLine(problem, { at, state, direction });
    if (next === null) break; // As low as rounding lets it be.
    state = next;
  }
  return { weights: at.slice(0, columns), bias: at[columns] as number };
}

interface State {
  readonly loss: number;
  readonly gradient: Float64Array;
  /** [rows], D */
  readonly curvature: Float64Array;
}

function evaluate({ x, columns, y, rowWeights, strength }: LogisticProblem, at: Float64Array): State {
  const gradient = new Float64Array(columns + 1);
  const curvature = new Float64Array(y.length);
  let loss = 0;
  for (let j = 0; j < columns; j++) {
    loss += (0.5 * (at[j] as number) ** 2) / strength;
    gradient[j] = (at[j] as number) / strength;
  }
  for (let i = 0; i < y.length; i++) {
    const score = scoreOf(x, at, { row: i, columns });
    const c = rowWeights?.[i] ?? 1;
    const signed = y[i] === 1 ? score : -score;
    // log(1 + e^−s) without overflow.
    loss += c * (Math.max(0, -signed) + Math.log1p(Math.exp(-Math.abs(signed))));
    const p = 1 / (1 + Math.exp(-score));
    addRow(gradient, x, { row: i, columns, by: c * (p - (y[i] as number)) });
    curvature[i] = c * p * (1 - p);
  }
  return { loss, gradient, curvature };
}

/** δ of H δ ≈ −∇, by conjugate gradients from zero; always a way down. */
function newtonDirection(problem: LogisticProblem, { gradient, curvature }: State): Float64Array {
  const direction = new Float64Array(gradient.length);
  const residual = gradient.map((value) => -value);
  let conjugate = residual.slice();
  let square = dot(residual, residual);
  const norm = Math.sqrt(square);
  const enough = Math.min(0.5, Math.sqrt(norm)) * norm;
  for (let i = 0; i < 2 * gradient.length + 20 && Math.sqrt(square) > enough; i++) {
    const product = timesHessian(problem, curvature, conjugate);
    const bend = dot(conjugate, product);
    if (!(bend > 0)) break;
    const length = square / bend;
    for (let j = 0; j < direction.length; j++) {
      direction[j] = (direction[j] as number) + length * (conjugate[j] as number);
      residual[j] = (residual[j] as number) - length * (product[j] as number);
    }
    const next = dot(residual, residual);
    const keep = next / square;
    conjugate = residual.map((value, j) => value + keep * (conjugate[j] as number));
    square = next;
  }
  return direction;
}

function timesHessian(
  { x, columns, strength }: LogisticProblem,
  curvature: Float64Array,
  v: Float64Array,
): Float64Array {
  const product = v.map((value, j) => (j < columns ? value / strength : 0));
  for (let i = 0; i < curvature.length; i++)
    addRow(product, x, { row: i, columns, by: (curvature[i] as number) * scoreOf(x, v, { row: i, columns }) });
  return product;
}

/** Moves `at` along the direction; null where no step lowers the loss. */
function searchLine(
  problem: LogisticProblem,
  { at, state, direction }: { readonly at: Float64Array; readonly state: State; readonly direction: Float64Array },
): State | null {
  const slope = dot(state.gradient, direction);
  const from = at.slice();
  for (let halving = 0, length = 1; halving < MOST_HALVINGS; halving++, length /= 2) {
    for (let j = 0; j < at.length; j++) at[j] = (from[j] as number) + length * (direction[j] as number);
    const next = evaluate(problem, at);
    if (next.loss < state.loss && next.loss <= state.loss + 1e-4 * length * slope) return next;
  }
  at.set(from);
  return null;
}

interface RowPlace {
  readonly row: number;
  readonly columns: number;
}

/** x_row · v + the last of v */
function scoreOf(x: Float64Array, v: Float64Array, { row, columns }: RowPlace): number {
  let sum = v[columns] as number;
  for (let j = 0, from = row * columns; j < columns; j++) sum += (x[from + j] as number) * (v[j] as number);
  return sum;
}

/** Adds by · (x_row, 1). */
function addRow(sum: Float64Array, x: Float64Array, { row, columns, by }: RowPlace & { readonly by: number }): void {
  for (let j = 0, from = row * columns; j < columns; j++) sum[j] = (sum[j] as number) + by * (x[from + j] as number);
  sum[columns] = (sum[columns] as number) + by;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += (a[j] as number) * (b[j] as number);
  return sum;
}
