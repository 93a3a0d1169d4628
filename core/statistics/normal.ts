// The standard normal distribution in double precision: Φ, and its inverse. Pure functions of one number.
//
//   Φ(x) = ½ erfc(−x / √2)
//
// Source: erfc by the rational approximations of W. J. Cody (1969), "Rational Chebyshev approximations for the error function",
// Mathematics of Computation 23; Φ⁻¹ by P. J. Acklam's approximation (2003, relative error 1.15e-9) and one step of Halley's method.
// Test against scipy: tests/golden/statistics/normal.test.ts.

const SMALL_A = [3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694] as const;
const SMALL_A0 = 0.18577770618460315;
const SMALL_B = [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171] as const;
const MIDDLE_C = [
  0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769, 1712.0476126340707,
  2051.0783778260716, 1230.3393547979972,
] as const;
const MIDDLE_C0 = 2.1531153547440383e-8;
const MIDDLE_D = [
  15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247,
  3439.3676741437216, 1230.3393548037495,
] as const;
const LARGE_P = [
  0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
] as const;
const LARGE_P0 = 0.016315387137302097;
const LARGE_Q = [
  2.568520192289822, 1.8729528499234604, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
] as const;
const ONE_OVER_SQRT_PI = 0.5641895835477563;

/** A quotient of polynomials in x by Horner's rule: the leading coefficient of the denominator is 1. */
function quotient(x: number, first: number, [over, under]: readonly [readonly number[], readonly number[]]): number {
  let [a, b] = [first, 1];
  for (let i = 0; i < over.length; i++) {
    a = a * x + (over[i] as number);
    b = b * x + (under[i] as number);
  }
  return a / b;
}

/** erfc(x) = 2/√π ∫ₓ^∞ e^{−t²} dt. */
export function erfc(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) return 1 - x * quotient(x * x, SMALL_A0, [SMALL_A, SMALL_B]);
  const tail = y <= 4 ? middle(y) : large(y);
  return x < 0 ? 2 - tail : tail;
}

function middle(y: number): number {
  return expOfMinusSquare(y) * quotient(y, MIDDLE_C0, [MIDDLE_C, MIDDLE_D]);
}

function large(y: number): number {
  if (y > 26.6) return 0;
  const z = 1 / (y * y);
  const r = z * quotient(z, LARGE_P0, [LARGE_P, LARGE_Q]);
  return (expOfMinusSquare(y) * (ONE_OVER_SQRT_PI - r)) / y;
}

/** e^{−y²} with y² split, so that its rounding does not show in the exponent. */
function expOfMinusSquare(y: number): number {
  const head = Math.trunc(y * 16) / 16;
  return Math.exp(-head * head) * Math.exp(-(y - head) * (y + head));
}

/** Φ(x): how likely a standard normal number is at most x. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x * Math.SQRT1_2);
}

const CENTRE_A = [
  -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239,
] as const;
const CENTRE_B = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1];
const TAIL_C = [
  -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
] as const;
const TAIL_D = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1] as const;
const TAIL = 0.02425;

/** Φ⁻¹(p); −∞ at 0 and +∞ at 1. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  const x = p < TAIL ? tailStart(p) : centreStart(p);
  // e = (Φ(x) − p) / φ(x); Halley: x − e / (1 + x e / 2)
  const e = (normalCdf(x) - p) * Math.sqrt(2 * Math.PI) * Math.exp((x * x) / 2);
  return x - e / (1 + (x * e) / 2);
}

function polynomial(x: number, coefficients: readonly number[]): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}

function tailStart(p: number): number {
  const q = Math.sqrt(-2 * Math.log(p));
  return polynomial(q, TAIL_C) / polynomial(q, TAIL_D);
}

function centreStart(p: number): number {
  const q = p - 0.5;
  return (q * polynomial(q * q, CENTRE_A)) / polynomial(q * q, CENTRE_B);
}
