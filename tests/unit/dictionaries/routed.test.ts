// A routed dictionary applied to rows: sorted by expert it gives what the whole graph gives, and what each expert gives alone; only
// features of the row's expert fire.
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../core/dictionaries/architectures.js';
import type { KindSettings } from '../../../core/dictionaries/architecture.js';
import { ENCODE_OUTPUTS, buildEncodeGraph } from '../../../core/dictionaries/encode-graph.js';
import { expertParts } from '../../../core/dictionaries/routing/expert-graph.js';
import { expertSizes } from '../../../core/dictionaries/routing/router.js';
import { parametersOf } from '../../../core/dictionaries/state.js';
import { rowsFeed } from '../../../core/dictionaries/step-graph.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { AppliedDictionary, type WeightReader } from '../../../dictionaries/applied.js';
import { RoutedDictionary, rowsByExpert } from '../../../dictionaries/routed.js';
import type { Inference } from '../../../dictionaries/step.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import type { ArchitectureName, Routed } from '../../../schemas/dictionaries.js';

const [WIDTH, FEATURES, ROWS, EXPERTS] = [12, 96, 200, 4];
const EACH = FEATURES / EXPERTS;
const ENGINE = { threads: 1, optimisation: 'all' } as const;

/** A routed dictionary of random weights. */
function makeDictionary(architecture: ArchitectureName, settings: KindSettings, kind: Routed['kind']) {
  const sites = { widths: [WIDTH], reads: [0], writes: [0], routed: { experts: EXPERTS, kind } };
  const shape = { kind: ARCHITECTURES[architecture], sites, features: FEATURES };
  const weights = new Map(
    parametersOf(shape).map(({ name, shape: axes }) => {
      const random = new KeyedRandom('routed', architecture, kind, name);
      const size = axes.reduce((a, b) => a * b, 1);
      // Thresholds are positive, as trained ones are.
      const values = Float32Array.from({ length: size }, () => 0.3 * random.nextNormal());
      return [name, name === 'threshold' ? values.map(Math.abs) : values] as const;
    }),
  );
  const read: WeightReader = (name, from, count) => {
    const axes = parametersOf(shape).find((own) => own.name === name)?.shape ?? [];
    const width = axes.slice(1).reduce((a, b) => a * b, 1);
    return Promise.resolve((weights.get(name) as Float32Array).slice(from * width, (from + count) * width));
  };
  return { shape, weights, read, applied: { shape, architecture, settings, batchRows: ROWS, engine: ENGINE } };
}

type Dictionary = ReturnType<typeof makeDictionary>;

function makeRows(): Float32Array {
  const random = new KeyedRandom('routed rows');
  return Float32Array.from({ length: ROWS * WIDTH }, () => random.nextNormal());
}

/** Features and values of each row, and its squared error. */
interface Row {
  readonly fired: readonly (readonly [feature: number, value: number])[];
  readonly square: number;
}

function rowsOf({ firing, squares }: Inference, count = ROWS): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    // A pair with value 0 does not count.
    fired: firing.flatMap(({ offsets, feature, value }) =>
      [...feature.subarray(offsets[i], offsets[i + 1])]
        .map((id, p) => [id, value[(offsets[i] as number) + p] as number] as const)
        .filter(([, v]) => v > 0),
    ),
    square: squares[i] as number,
  }));
}

async function byGraph({ shape, weights, applied }: Dictionary, x: Float32Array): Promise<Row[]> {
  const graph = buildEncodeGraph({ ...shape, settings: applied.settings, batchRows: ROWS });
  const session = await Session.create(graph.toModelBytes(), { ...ENGINE, provider: 'cpu' });
  const feeds: Record<string, TensorValue> = { [rowsFeed(0)]: { dtype: 'float32', dims: [ROWS, WIDTH], data: x } };
  for (const { name, shape: dims } of parametersOf(shape))
    feeds[name] = { dtype: 'float32', dims, data: weights.get(name) as Float32Array };
  const found = await session.run(feeds);
  await session.release();
  const value = found[ENCODE_OUTPUTS.value]?.data as Float32Array;
  const feature = found[ENCODE_OUTPUTS.feature]?.data as Int32Array | undefined;
  const capacity = value.length / ROWS;
  return Array.from({ length: ROWS }, (_, i) => {
    const pairs = Array.from({ length: capacity }, (_v, c) => [feature?.[i * capacity + c] ?? c, value[i * capacity + c] as number] as const); // prettier-ignore
    const fired = pairs.filter(([, v]) => v > 0).sort((a, b) => a[0] - b[0]);
    return { fired, square: (found[ENCODE_OUTPUTS.errSq]?.data as Float32Array)[i] as number };
  });
}

/** Each row by its expert alone, as that expert's own dictionary is applied. */
async function byExpertsAlone(own: Dictionary, x: Float32Array, expert: Int32Array): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [e, numbers] of rowsByExpert(expert, EXPERTS).entries()) {
    const parts = new Map(expertParts(own.shape, e).map((part) => [part.name, part]));
    const settings = { ...own.applied, shape: expertSizes(own.shape) };
    const alone = await AppliedDictionary.open(settings, async (name, from, count) => {
      const part = parts.get(name);
      const all = await own.read(name, part?.from ?? 0, part?.count ?? 0);
      const width = (part?.shape ?? []).slice(1).reduce((a, b) => a * b, 1);
      return all.slice(from * width, (from + count) * width);
    });
    const batch = new Float32Array(ROWS * WIDTH);
    numbers.forEach((row, i) => batch.set(x.subarray(row * WIDTH, (row + 1) * WIDTH), i * WIDTH));
    const found = rowsOf(await alone.apply({ reads: [batch], writes: [batch] }), numbers.length);
    await alone.release();
    numbers.forEach((row, i) => {
      const { fired, square } = found[i] as Row;
      rows[row] = { square, fired: fired.map(([id, value]) => [id + e * EACH, value] as const) };
    });
  }
  return rows;
}

function expectAlike(got: readonly Row[], want: readonly Row[]): void {
  expect(got).toHaveLength(want.length);
  got.forEach(({ fired, square }, i) => {
    const other = want[i] as Row;
    expect(fired.map(([id]) => id)).toEqual(other.fired.map(([id]) => id));
    fired.forEach(([, value], p) => expect(value).toBeCloseTo(other.fired[p]?.[1] ?? NaN, 4));
    expect(square).toBeCloseTo(other.square, 3);
  });
}

const KINDS: readonly (readonly [ArchitectureName, KindSettings])[] = [
  ['topk', { k: 3 }],
  ['relu', { sparsity: 0.1 }],
  ['batchtopk', { k: 3 }],
  ['jumprelu', { l0: 3, bandwidth: 0.1, threshold: 0.1 }],
  ['gated', { sparsity: 0.1 }],
  ['matryoshka', { k: 3, prefixes: [6, EACH] }],
];

describe.each(KINDS)('a dictionary of frozen %s experts', (architecture, settings) => {
  it('gives sorted by expert what its graph gives, and what each expert gives alone', async () => {
    const own = makeDictionary(architecture, settings, 'frozen');
    const x = makeRows();
    const opened = await RoutedDictionary.open(own.applied, own.read);
    const found = rowsOf(await opened.apply({ reads: [x], writes: [x] }));
    const { expert, weight } = await opened.route(x);
    await opened.release();
    expect(weight).toBeNull();
    expect(new Set(expert).size).toBe(EXPERTS);
    expect(found.some(({ fired }) => fired.length > 0)).toBe(true);
    found.forEach(({ fired }, i) => fired.forEach(([id]) => expect(Math.floor(id / EACH)).toBe(expert[i])));
    expectAlike(found, await byGraph(own, x));
    expectAlike(found, await byExpertsAlone(own, x, expert));
  });
});

describe('a dictionary of experts with a learned router', () => {
  it('gives sorted by expert what its graph gives, scaled by the probability of the expert', async () => {
    const own = makeDictionary('topk', { k: 3 }, 'learned');
    const x = makeRows();
    const opened = await RoutedDictionary.open(own.applied, own.read);
    const found = rowsOf(await opened.apply({ reads: [x], writes: [x] }));
    const { expert, weight } = await opened.route(x);
    await opened.release();
    expectAlike(found, await byGraph(own, x));
    // By hand, in float64: p and the values of one row.
    const [W, b] = [own.weights.get('W_router') as Float32Array, own.weights.get('b_router') as Float32Array];
    const at = (of: Float32Array, row: number): number[] => [...of.subarray(row * WIDTH, (row + 1) * WIDTH)];
    const row = at(x, 7);
    const dot = (p: readonly number[], q: readonly number[]): number =>
      p.reduce((s, v, j) => s + v * (q[j] as number), 0);
    const scores = Array.from({ length: EXPERTS }, (_, e) => dot(at(W, e), row.map((v, j) => v - (b[j] as number)))); // prettier-ignore
    const total = scores.reduce((sum, s) => sum + Math.exp(s), 0);
    const best = scores.indexOf(Math.max(...scores));
    expect(expert[7]).toBe(best);
    const p = Math.exp(scores[best] as number) / total;
    expect(weight?.[7]).toBeCloseTo(p, 5);
    const b_dec = own.weights.get('b_dec') as Float32Array;
    const centred = row.map((v, j) => v - (b_dec[j] as number));
    for (const [id, value] of found[7]?.fired ?? []) {
      const z = dot(at(own.weights.get('W_enc') as Float32Array, id), centred) + ((own.weights.get('b_enc') as Float32Array)[id] as number); // prettier-ignore
      expect(value).toBeCloseTo(p * z, 4);
    }
  });
});
