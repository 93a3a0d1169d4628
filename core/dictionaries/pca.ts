// Principal components as the baseline of a dictionary: the reconstruction of rank k with the least squared error on the fit
// rows, evaluated on other rows.
//
//   C = Σ x xᵀ / N − x̄ x̄ᵀ [d, d] over fit rows;  U [k, d] = its k leading eigenvectors
//   x_hat = x̄ + Uᵀ U (x − x̄);  Σ‖e‖² = Σ (‖x − x̄‖² − ‖U (x − x̄)‖²)
//
// Both sides need second moments only, so nothing is read twice. Float64; eigenvectors by cyclic Jacobi rotations (Golub and
// Van Loan, Matrix Computations, section 8.5), exact to rounding for every width of interest up to a few thousand.
import { DataError } from '../../schemas/errors.js';

/** Sums over rows: count, Σ x [d], Σ x xᵀ [d, d] (upper triangle filled; the lower is zero). Mergeable. */
export interface SecondMoments {
  readonly width: number;
  rows: number;
  readonly sumX: Float64Array;
  readonly sumXX: Float64Array;
}

/** Moments of no rows. */
export function emptySecondMoments(width: number): SecondMoments {
  return { width, rows: 0, sumX: new Float64Array(width), sumXX: new Float64Array(width * width) };
}

/** Adds rows x [n, d] to the moments: four rows at a time, so that each sum is loaded and stored once for four products. */
export function addRows(moments: SecondMoments, x: Float32Array): void {
  const { width, sumX } = moments;
  const rows = x.length / width;
  // Float64 rows: no conversion in the inner loop; rows that are missing to a multiple of four are zero and change no sum.
  const four = new Float64Array(4 * width);
  for (let start = 0; start < rows; start += 4) {
    four.fill(0);
    four.set(x.subarray(start * width, Math.min(rows, start + 4) * width));
    for (let i = 0; i < 4 * width; i++) {
      sumX[i % width] = (sumX[i % width] as number) + (four[i] as number);
    }
    addProducts(moments, four);
  }
  moments.rows += rows;
}

/** Σ x xᵀ over four rows [4, d], upper triangle. */
function addProducts({ width, sumXX }: SecondMoments, x: Float64Array): void {
  const [b, c, d] = [width, 2 * width, 3 * width];
  for (let i = 0; i < width; i++) {
    const [x0, x1] = [x[i] as number, x[b + i] as number];
    const [x2, x3] = [x[c + i] as number, x[d + i] as number];
    const row = i * width;
    for (let j = i; j < width; j++) {
      const first = x0 * (x[j] as number) + x1 * (x[b + j] as number);
      const second = x2 * (x[c + j] as number) + x3 * (x[d + j] as number);
      sumXX[row + j] = (sumXX[row + j] as number) + (first + second);
    }
  }
}

/** FVU on the rows of `test` of the best rank-k reconstruction of the rows of `fit`; the mean in the denominator is test's. */
export function pcaFvu(fit: SecondMoments, test: SecondMoments, k: number): number {
  if (fit.rows < 2 || test.rows < 2) {
    const text = `Expected at least 2 fit and 2 test rows for the PCA baseline, found ${fit.rows} and ${test.rows}.`;
    throw new DataError(text, { fit: fit.rows, test: test.rows });
  }
  const { width } = fit;
  const mean = fit.sumX.map((sum) => sum / fit.rows);
  const components = leadingEigenvectors(centredMoments(fit, mean), width, k);
  const scatter = centredMoments(test, mean);
  let kept = 0;
  for (const u of components) kept += quadraticForm(scatter, u);
  return (
    (trace(scatter, width) - kept) /
    trace(
      centredMoments(
        test,
        test.sumX.map((sum) => sum / test.rows),
      ),
      width,
    )
  );
}

/** Mean of (x − c)(x − c)ᵀ, full symmetric [d, d]. */
function centredMoments({ width, rows, sumX, sumXX }: SecondMoments, centre: Float64Array): Float64Array {
  const result = new Float64Array(width * width);
  for (let i = 0; i < width; i++) {
    const [ci, mi] = [centre[i] as number, (sumX[i] as number) / rows];
    for (let j = i; j < width; j++) {
      const [cj, mj] = [centre[j] as number, (sumX[j] as number) / rows];
      const value = (sumXX[i * width + j] as number) / rows - ci * mj - mi * cj + ci * cj;
      result[i * width + j] = value;
      result[j * width + i] = value;
    }
  }
  return result;
}

function trace(matrix: Float64Array, width: number): number {
  let total = 0;
  for (let i = 0; i < width; i++) total += matrix[i * width + i] as number;
  return total;
}

function quadraticForm(matrix: Float64Array, u: Float64Array): number {
  const width = u.length;
  let total = 0;
  for (let i = 0; i < width; i++) {
    let inner = 0;
    for (let j = 0; j < width; j++) inner += (matrix[i * width + j] as number) * (u[j] as number);
    total += inner * (u[i] as number);
  }
  return total;
}

/** The k unit eigenvectors of a symmetric matrix with the largest eigenvalues, largest first. */
export function leadingEigenvectors(symmetric: Float64Array, width: number, k: number): Float64Array[] {
  const a = symmetric.slice();
  const vectors = new Float64Array(width * width); // row i becomes the eigenvector of a[i, i]
  for (let i = 0; i < width; i++) vectors[i * width + i] = 1;
  const total = a.reduce((sum, value) => sum + value * value, 0);
  for (let sweep = 0; sweep < 60 && offDiagonal(a, width) > 1e-22 * total; sweep++) {
    for (let p = 0; p < width - 1; p++) for (let q = p + 1; q < width; q++) rotate({ a, vectors, width }, p, q);
  }
  const order = Array.from({ length: width }, (_, i) => i);
  order.sort((i, j) => (a[j * width + j] as number) - (a[i * width + i] as number) || i - j);
  return order.slice(0, k).map((i) => vectors.slice(i * width, (i + 1) * width));
}

function offDiagonal(a: Float64Array, width: number): number {
  let total = 0;
  for (let i = 0; i < width; i++) for (let j = i + 1; j < width; j++) total += 2 * (a[i * width + j] as number) ** 2;
  return total;
}

/** One Jacobi rotation that makes a[p, q] zero. */
function rotate(
  { a, vectors, width }: { readonly a: Float64Array; readonly vectors: Float64Array; readonly width: number },
  p: number,
  q: number,
): void {
  const apq = a[p * width + q] as number;
  if (apq === 0) return;
  const theta = ((a[q * width + q] as number) - (a[p * width + p] as number)) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let i = 0; i < width; i++) turn(a, [i * width + p, i * width + q], [c, s]);
  for (let i = 0; i < width; i++) turn(a, [p * width + i, q * width + i], [c, s]);
  for (let i = 0; i < width; i++) turn(vectors, [p * width + i, q * width + i], [c, s]);
}

/** Rotates two values of an array by cosine and sine. */
function turn(values: Float64Array, [at, other]: readonly [number, number], [c, s]: readonly [number, number]): void {
  const x = values[at] as number;
  const y = values[other] as number;
  values[at] = c * x - s * y;
  values[other] = s * x + c * y;
}
