// All eigenvectors of a symmetric matrix in float64: Householder reduction to tridiagonal form, then QL with implicit shifts
// (Bowdler, Martin, Reinsch and Wilkinson 1968, tred2 and tql2; as in EISPACK and JAMA). About 9 d³ operations, where Jacobi
// rotations (pca.ts) need several times 8 d³. Test: tests/unit/core/dictionaries/controls.test.ts, against Jacobi.
import { DataError } from '../../schemas/errors.js';

export interface Eigen {
  /** Largest first. */
  readonly values: Float64Array;
  /** [d, d]: row i is the unit eigenvector of values[i]. */
  readonly vectors: Float64Array;
}

/** Values and vectors of a full symmetric [d, d]. @throws DataError where the iteration does not converge (NaN in the matrix) */
export function symmetricEigen(matrix: Float64Array, size: number, alive: () => void = () => undefined): Eigen {
  // V[i][j] at i * size + j; columns become eigenvectors.
  const work: Work = { n: size, V: matrix.slice(), d: new Float64Array(size), e: new Float64Array(size), alive };
  tridiagonalise(work);
  diagonalise(work);
  const { V, d } = work;
  const order = Array.from({ length: size }, (_, i) => i).sort((a, b) => (d[b] as number) - (d[a] as number) || a - b);
  const vectors = new Float64Array(size * size);
  order.forEach((column, row) => {
    for (let i = 0; i < size; i++) vectors[row * size + i] = V[i * size + column] as number;
  });
  return { values: Float64Array.from(order, (i) => d[i] as number), vectors };
}

interface Work {
  readonly n: number;
  readonly V: Float64Array;
  readonly d: Float64Array;
  readonly e: Float64Array;
  readonly alive: () => void;
}

/* eslint-disable @typescript-eslint/no-non-null-assertion -- indices are those of the published procedures, all within n */

/** tred2: V ← Q with Qᵀ A Q tridiagonal, d its diagonal, e below it. */
function tridiagonalise({ n, V, d, e, alive }: Work): void {
  for (let j = 0; j < n; j++) d[j] = V[(n - 1) * n + j]!;
  for (let i = n - 1; i > 0; i--) {
    if (i % 64 === 0) alive();
    let [scale, h] = [0, 0];
    for (let k = 0; k < i; k++) scale += Math.abs(d[k]!);
    if (scale === 0) {
      e[i] = d[i - 1]!;
      for (let j = 0; j < i; j++) {
        d[j] = V[(i - 1) * n + j]!;
        V[i * n + j] = 0;
        V[j * n + i] = 0;
      }
    } else {
      for (let k = 0; k < i; k++) {
        d[k] = d[k]! / scale;
        h += d[k]! * d[k]!;
      }
      const f = d[i - 1]!;
      const g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h);
      e[i] = scale * g;
      h -= f * g;
      d[i - 1] = f - g;
      reduceRow({ n, V, d, e, alive }, i, h);
    }
    d[i] = h;
  }
  accumulate({ n, V, d, e, alive });
}

/** The similarity transformation of one Householder vector (in d) on the leading i × i part. */
function reduceRow({ n, V, d, e }: Work, i: number, h: number): void {
  for (let j = 0; j < i; j++) e[j] = 0;
  for (let j = 0; j < i; j++) {
    const f = d[j]!;
    V[j * n + i] = f;
    let g = e[j]! + V[j * n + j]! * f;
    for (let k = j + 1; k <= i - 1; k++) {
      g += V[k * n + j]! * d[k]!;
      e[k] = e[k]! + V[k * n + j]! * f;
    }
    e[j] = g;
  }
  let f = 0;
  for (let j = 0; j < i; j++) {
    e[j] = e[j]! / h;
    f += e[j]! * d[j]!;
  }
  const hh = f / (h + h);
  for (let j = 0; j < i; j++) e[j] = e[j]! - hh * d[j]!;
  for (let j = 0; j < i; j++) {
    const [dj, ej] = [d[j]!, e[j]!];
    for (let k = j; k <= i - 1; k++) V[k * n + j] = V[k * n + j]! - (dj * e[k]! + ej * d[k]!);
    d[j] = V[(i - 1) * n + j]!;
    V[i * n + j] = 0;
  }
}

/** The product of the reflections, in V. */
function accumulate({ n, V, d, e, alive }: Work): void {
  for (let i = 0; i < n - 1; i++) {
    if (i % 64 === 0) alive();
    V[(n - 1) * n + i] = V[i * n + i]!;
    V[i * n + i] = 1;
    const h = d[i + 1]!;
    if (h !== 0) {
      for (let k = 0; k <= i; k++) d[k] = V[k * n + i + 1]! / h;
      for (let j = 0; j <= i; j++) {
        let g = 0;
        for (let k = 0; k <= i; k++) g += V[k * n + i + 1]! * V[k * n + j]!;
        for (let k = 0; k <= i; k++) V[k * n + j] = V[k * n + j]! - g * d[k]!;
      }
    }
    for (let k = 0; k <= i; k++) V[k * n + i + 1] = 0;
  }
  for (let j = 0; j < n; j++) {
    d[j] = V[(n - 1) * n + j]!;
    V[(n - 1) * n + j] = 0;
  }
  V[(n - 1) * n + n - 1] = 1;
  e[0] = 0;
}

const MOST_SWEEPS = 60;

/** tql2: d ← eigenvalues, columns of V ← eigenvectors. */
function diagonalise(work: Work): void {
  const { n, d, e, alive } = work;
  for (let i = 1; i < n; i++) e[i - 1] = e[i]!;
  e[n - 1] = 0;
  let [f, tst1] = [0, 0];
  for (let l = 0; l < n; l++) {
    if (l % 16 === 0) alive();
    tst1 = Math.max(tst1, Math.abs(d[l]!) + Math.abs(e[l]!));
    let m = l;
    while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * tst1) m++;
    for (let sweep = 0; m > l; sweep++) {
      if (sweep === MOST_SWEEPS)
        throw new DataError(
          `Expected the eigenvalues of a ${n} × ${n} covariance to converge in ${MOST_SWEEPS} sweeps, found that they do not; its values are not finite. Check the activations with \`assay verify\`.`,
          { size: n },
        );
      f += shift(work, l);
      implicitSweep(work, l, m);
      if (!(Math.abs(e[l]!) > Number.EPSILON * tst1)) break;
    }
    d[l] = d[l]! + f;
    e[l] = 0;
  }
}

/** Takes the implicit shift off the diagonal and returns it. */
function shift({ n, d, e }: Work, l: number): number {
  const g = d[l]!;
  const p = (d[l + 1]! - g) / (2 * e[l]!);
  const r = p < 0 ? -Math.hypot(p, 1) : Math.hypot(p, 1);
  d[l] = e[l]! / (p + r);
  d[l + 1] = e[l]! * (p + r);
  const h = g - e[l]! / (p + r);
  for (let i = l + 2; i < n; i++) d[i] = d[i]! - h;
  return h;
}

function implicitSweep({ n, V, d, e }: Work, l: number, m: number): void {
  const [dl1, el1] = [d[l + 1]!, e[l + 1]!];
  let p = d[m]!;
  let [c, c2, c3, s, s2] = [1, 1, 1, 0, 0];
  for (let i = m - 1; i >= l; i--) {
    c3 = c2;
    c2 = c;
    s2 = s;
    const g = c * e[i]!;
    const h = c * p;
    const r = Math.hypot(p, e[i]!);
    e[i + 1] = s * r;
    s = e[i]! / r;
    c = p / r;
    p = c * d[i]! - s * g;
    d[i + 1] = h + s * (c * g + s * d[i]!);
    for (let k = 0; k < n; k++) {
      const v = V[k * n + i + 1]!;
      V[k * n + i + 1] = s * V[k * n + i]! + c * v;
      V[k * n + i] = c * V[k * n + i]! - s * v;
    }
  }
  p = (-s * s2 * c3 * el1 * e[l]!) / dl1;
  e[l] = s * p;
  d[l] = c * p;
}
