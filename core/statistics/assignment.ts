// The linear assignment problem: which column goes to which row so that the values taken sum to most, every row having one column
// of its own. Exact; for rows ≤ columns.
//
//   max Σ_i w[i, π(i)]  over injective π        with c = −w:  reduced cost  c[i, j] − u_i − v_j ≥ 0,  = 0 where π(i) = j,
//                                                v_j ≤ 0,  v_j = 0 for columns that no row has  (this certifies optimality)
//
//   w         values [n, m], row-major            v   duals of columns [m], float64
//   π         column of each row [n]              u   duals of rows, implied by v
//
// Source: R. Jonker and A. Volgenant (1987), "A shortest augmenting path algorithm for dense and sparse linear assignment problems",
// Computing 38: augmenting row reduction, then shortest augmenting paths; for n < m as D. F. Crouse (2016), "On implementing 2D
// rectangular assignment algorithms", IEEE TAES 52 (which is what scipy.optimize.linear_sum_assignment does). Departures: no column
// reduction, which would break v_j = 0 for free columns where n < m; row reduction is bounded, so that ties cannot make it long.
// Tests: tests/golden/truth/assignment.test.ts against scipy, tests/property/assignment.test.ts against all permutations.
import { InputError } from '../../schemas/errors.js';

export interface ValueMatrix {
  /** [rows, columns], row-major. */
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** Reductions per row before the rest is left to augmenting paths. */
const REDUCTIONS_PER_ROW = 8;
const NONE = -1;

interface Solution {
  readonly matrix: ValueMatrix;
  readonly v: Float64Array;
  readonly columnOf: Int32Array;
  readonly rowOf: Int32Array;
}

/**
 * The column of each row.
 * @throws InputError where there are more rows than columns, or a value is NaN
 */
export function assignRows(matrix: ValueMatrix): Int32Array {
  const { data, rows, columns } = matrix;
  if (rows > columns) {
    const text = `Expected at most as many rows as columns to assign, got ${rows} rows and ${columns} columns. Transpose the matrix.`;
    throw new InputError(text, { rows, columns });
  }
  const bad = data.findIndex((value) => Number.isNaN(value));
  if (bad >= 0)
    throw new InputError(
      `Expected numbers to assign by, got NaN in row ${Math.floor(bad / columns)}, column ${bad % columns}.`,
      { index: bad },
    );
  const solution: Solution = {
    matrix,
    v: new Float64Array(columns),
    columnOf: new Int32Array(rows).fill(NONE),
    rowOf: new Int32Array(columns).fill(NONE),
  };
  if (columns < 2) return rows === 0 ? solution.columnOf : solution.columnOf.fill(0);
  const free = reduceRows(solution);
  const search = newSearch(columns);
  for (const row of free) augment(solution, search, row);
  return solution.columnOf;
}

/** Gives each row its cheapest column, at the price of making that column dearer; returns the rows that go without. */
function reduceRows({ matrix, v, columnOf, rowOf }: Solution): number[] {
  const { rows } = matrix;
  const waiting = Array.from({ length: rows }, (_, i) => rows - 1 - i);
  const free: number[] = [];
  let budget = REDUCTIONS_PER_ROW * rows;
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    if (budget-- <= 0) {
      free.push(row);
      continue;
    }
    const { best, least, second } = twoCheapest(matrix, v, row);
    const lowered = (v[best] as number) - (second - least);
    const evicted = rowOf[best] as number;
    // With equal costs nothing gets dearer: evicting would not end.
    if (evicted !== NONE && !(lowered < (v[best] as number))) {
      free.push(row);
      continue;
    }
    v[best] = lowered;
    rowOf[best] = row;
    columnOf[row] = best;
    if (evicted === NONE) continue;
    columnOf[evicted] = NONE;
    waiting.push(evicted);
  }
  return free;
}

/** The cheapest column of a row by reduced cost, and the cost of the next one. */
function twoCheapest(
  { data, columns }: ValueMatrix,
  v: Float64Array,
  row: number,
): { readonly best: number; readonly least: number; readonly second: number } {
  let [best, least, second] = [0, Infinity, Infinity];
  const start = row * columns;
  for (let j = 0; j < columns; j++) {
    const cost = -(data[start + j] as number) - (v[j] as number);
    if (cost >= second) continue;
    if (cost < least) {
      second = least;
      least = cost;
      best = j;
    } else second = cost;
  }
  return { best, least, second };
}

interface Search {
  /** Length of the shortest path to each column. */
  readonly distance: Float64Array;
  /** The row before each column on it. */
  readonly before: Int32Array;
  /** All columns: those done, then those at the least distance, then the others. */
  readonly order: Int32Array;
}

function newSearch(columns: number): Search {
  return {
    distance: new Float64Array(columns),
    before: new Int32Array(columns),
    order: Int32Array.from({ length: columns }, (_, j) => j),
  };
}

/** Gives a row a column along the shortest path of exchanges that ends at a free column (Dijkstra over columns). */
function augment(solution: Solution, search: Search, row: number): void {
  const { v, rowOf, columnOf } = solution;
  const { distance, before, order } = search;
  startFrom(solution, search, row);
  const columns = order.length;
  let [done, reached] = [0, 0];
  let end = NONE;
  let least = 0;
  while (end === NONE) {
    if (done === reached) {
      ({ reached, least } = nextNearest(search, done));
      for (let k = done; k < reached && end === NONE; k++)
        if (rowOf[order[k] as number] === NONE) end = order[k] as number;
      if (end !== NONE) break;
    }
    const column = order[done++] as number;
    ({ reached, end } = scanRow(solution, search, { column, least, reached, columns }));
  }
  for (let k = 0; k < done; k++) {
    const column = order[k] as number;
    if ((distance[column] as number) < least) v[column] = (v[column] as number) + (distance[column] as number) - least;
  }
  for (let column = end; ;) {
    const from = before[column] as number;
    const next = columnOf[from] as number;
    rowOf[column] = from;
    columnOf[from] = column;
    if (from === row) return;
    column = next;
  }
}

function startFrom({ matrix: { data, columns }, v }: Solution, { distance, before }: Search, row: number): void {
  const start = row * columns;
  for (let j = 0; j < columns; j++) {
    distance[j] = -(data[start + j] as number) - (v[j] as number);
    before[j] = row;
  }
}

/** Brings the nearest of the columns that are not done to the front of them. */
function nextNearest({ distance, order }: Search, done: number): { readonly reached: number; readonly least: number } {
  let least = Infinity;
  let reached = done;
  for (let k = done; k < order.length; k++) {
    const column = order[k] as number;
    const d = distance[column] as number;
    if (d > least) continue;
    if (d < least) {
      least = d;
      reached = done;
    }
    order[k] = order[reached] as number;
    order[reached++] = column;
  }
  return { reached, least };
}

/** Goes on from the row that has `column`: shortens paths to columns not yet reached; stops at a free one that is as near. */
function scanRow(
  { matrix: { data }, v, rowOf }: Solution,
  { distance, before, order }: Search,
  { column, least, reached, columns }: { column: number; least: number; reached: number; columns: number },
): { readonly reached: number; readonly end: number } {
  const row = rowOf[column] as number;
  const start = row * columns;
  const offset = -(data[start + column] as number) - (v[column] as number) - least;
  for (let k = reached; k < columns; k++) {
    const j = order[k] as number;
    const d = -(data[start + j] as number) - (v[j] as number) - offset;
    if (d >= (distance[j] as number)) continue;
    distance[j] = d;
    before[j] = row;
    if (d > least) continue;
    // As near as the nearest, up to rounding.
    if (rowOf[j] === NONE) return { reached, end: j };
    order[k] = order[reached] as number;
    order[reached++] = j;
  }
  return { reached, end: NONE };
}
