// Probes, splitting and absorption where the truth is planted: a class that is one feature, one that is two, one whose feature others
// have taken over on a known share of its rows; and what rows are drawn.
import { describe, expect, it } from 'vitest';
import { absorbClass, alignFeature, unitDirection } from '../../../../core/dictionaries/probes/absorption.js';
import { againstOthers, RowDraw } from '../../../../core/dictionaries/probes/draw-rows.js';
import { probeClass, type ClassProbes, type ProbeRows } from '../../../../core/dictionaries/probes/probe-class.js';
import { countSplit } from '../../../../core/dictionaries/probes/splitting.js';
import { summariseProbes } from '../../../../core/dictionaries/probes/summarise.js';
import type { Matrix } from '../../../../core/tensor/matrix.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';
import { Decoder } from '../../../../organisms/synthetic/decoder.js';
import { FiringList } from '../../../../organisms/synthetic/source.js';

// Features: 0 is class 0; 1 or 2 is class 1; 3 is class 2, on the rows that none of 4 … 43 has taken over; 44 … 59 fire anywhere.
const [WIDTH, FEATURES, ABSORBERS, NOISE] = [64, 60, 40, 16];
const ABSORBED_EVERY = 5;
const ROWS = 400;
const PER_DOCUMENT = 10;

/** Rows of length 1: e_i, but (e_3 + e_i) / √2 for those that take over. Turned at random, so that no neuron is a feature. */
function directions(): Matrix {
  const data = new Float32Array(FEATURES * WIDTH);
  const basis = turned(new KeyedRandom('planted', 'basis'));
  for (let feature = 0; feature < FEATURES; feature++) {
    const absorbs = feature >= 4 && feature < 4 + ABSORBERS;
    for (let j = 0; j < WIDTH; j++) {
      const own = basis[feature]?.[j] ?? 0;
      data[feature * WIDTH + j] = absorbs ? (own + (basis[3]?.[j] ?? 0)) / Math.SQRT2 : own;
    }
  }
  return { data, rows: FEATURES, columns: WIDTH };
}

/** An orthonormal basis (Gram and Schmidt). */
function turned(random: KeyedRandom): Float64Array[] {
  const basis: Float64Array[] = [];
  while (basis.length < WIDTH) {
    const row = Float64Array.from({ length: WIDTH }, () => random.nextNormal());
    for (const other of basis) {
      const dot = row.reduce((sum, value, j) => sum + value * (other[j] as number), 0);
      other.forEach((value, j) => (row[j] = (row[j] as number) - dot * value));
    }
    const length = Math.hypot(...row);
    basis.push(row.map((value) => value / length));
  }
  return basis;
}

const DICTIONARY = directions();

interface Planted {
  readonly rows: ProbeRows;
  readonly byClass: readonly Uint32Array[];
}

function planted(split: string): Planted {
  const random = new KeyedRandom('planted', split);
  const firings = new FiringList(3 * ROWS, 4);
  const strength = (): number => 1 + random.nextFloat();
  for (let own = 0; own < 3; own++)
    for (let i = 0; i < ROWS; i++) {
      const absorbed = i % ABSORBED_EVERY === 0;
      if (own === 0) firings.add(0, strength());
      if (own === 1) firings.add(1 + (i % 2), strength());
      if (own === 2 && !absorbed) firings.add(3, strength());
      if (own === 2 && absorbed) firings.add(4 + ((i / ABSORBED_EVERY) % ABSORBERS), Math.SQRT2 * strength());
      for (let noise = 0; noise < NOISE; noise++)
        if (random.nextFloat() < 0.3) firings.add(4 + ABSORBERS + noise, 3 * strength());
      firings.endRow();
    }
  const acts = firings.finish();
  const act = new Decoder(DICTIONARY, new Float32Array(WIDTH)).decode(acts);
  const doc = Uint32Array.from({ length: 3 * ROWS }, (_, row) => Math.floor(row / PER_DOCUMENT));
  const byClass = [0, 1, 2].map((own) => Uint32Array.from({ length: ROWS }, (_, i) => own * ROWS + i));
  return { rows: { doc, act, acts }, byClass };
}

const [fit, test] = [planted('fit'), planted('test')];
const probes = [0, 1, 2].map((own): ClassProbes =>
  probeClass(
    { fit: fit.rows, test: test.rows, shape: { width: WIDTH, features: FEATURES } },
    { fit: againstOthers(fit.byClass, own), test: againstOthers(test.byClass, own) },
  ),
);
const absorbed = probes.map((own) => {
  const alignment = { dots: new Float64Array(FEATURES), cosines: new Float64Array(FEATURES) };
  const direction = unitDirection(own.raw.probe);
  for (let feature = 0; feature < FEATURES; feature++) {
    const row = DICTIONARY.data.subarray(feature * WIDTH, (feature + 1) * WIDTH);
    alignFeature(alignment, { feature, row, direction });
  }
  return absorbClass(own, alignment, test.rows);
});
const summary = summariseProbes(
  probes.map((own, c) => ({
    probes: own,
    document: Uint32Array.from(own.test.rows, (row) => test.rows.doc[row] as number),
    absorbed: absorbed[c] ?? [],
  })),
  { documents: (3 * ROWS) / PER_DOCUMENT, resamples: 200, random: new KeyedRandom('test') },
);

describe('probes of planted features', () => {
  it('find the one feature that is a class, and tell it without a mistake', () => {
    expect([...(probes[0]?.dictionary[0]?.columns ?? [])]).toEqual([0]);
    expect(summary.classes[0]?.dictionary[0]?.f1).toEqual({ value: 1, lo: 1, hi: 1, n: 2 * ROWS });
    expect(summary.classes[0]?.neurons[0]?.f1.value).toBeLessThan(0.9);
    expect(summary.classes[0]?.raw.balancedAccuracy.value).toBe(1);
  });

  it('say that features are better than neurons, with an interval of the difference in pairs', () => {
    const [difference] = summary.mean.difference;
    const [own, neurons] = [summary.mean.dictionary[0]?.balancedAccuracy, summary.mean.neurons[0]?.balancedAccuracy];
    expect(difference?.value).toBeCloseTo((own?.value ?? NaN) - (neurons?.value ?? NaN), 12);
    expect(difference?.lo).toBeGreaterThan(0);
  });

  it('count the features that a class takes: one, two, and one whose part others have taken over', () => {
    expect(probes.map(({ splitting }) => [...splitting.features].sort((a, b) => a - b))).toEqual([[0], [1, 2], [3]]);
    // Half of the rows and no others: recall 1/2, F1 = 2·½ / (1 + ½) = 2/3.
    expect(probes[1]?.splitting.f1[0]).toBeCloseTo(2 / 3, 12);
    expect(probes[1]?.splitting.f1[1]).toBe(1);
  });

  it('find absorption at the rate that was planted, on the rows where it was', () => {
    expect(summary.isGood).toEqual([true, true, true]);
    const own = absorbed[2] ?? [];
    expect(own.filter((one) => one !== null).length).toBe(ROWS);
    own.slice(0, ROWS).forEach((one, i) => {
      const by = i % ABSORBED_EVERY === 0 ? 4 + ((i / ABSORBED_EVERY) % ABSORBERS) : null;
      expect(one?.by).toBe(by);
    });
    const { full, part } = summary.classes[2]?.absorption ?? {};
    expect(full?.value).toBeCloseTo(1 / ABSORBED_EVERY, 12);
    expect(full?.lo).toBeLessThanOrEqual(0.2);
    expect(full?.n).toBe(ROWS);
    expect(part?.value).toBeCloseTo(0.2, 12);
    expect(summary.classes[0]?.absorption.full.value).toBe(0);
    expect(summary.mean.absorption.full.value).toBeCloseTo((1 / 3) * 0.2, 12);
  });

  it('does not tell a class of shuffled labels', () => {
    const order = new KeyedRandom('shuffled').permutation(3 * ROWS);
    const shuffled = [0, 1, 2].map((own) => order.slice(own * ROWS, (own + 1) * ROWS));
    const own = probeClass(
      { fit: fit.rows, test: test.rows, shape: { width: WIDTH, features: FEATURES } },
      { fit: againstOthers(shuffled, 0), test: againstOthers(test.byClass, 0) },
    );
    const { y } = own.test;
    const right = y.filter((value, i) => (value === 1) === (own.raw.scores[i] as number) > 0).length;
    expect(Math.abs(right / y.length - 0.5)).toBeLessThan(0.25);
  });
});

describe('the difference to neurons', () => {
  it('prefers a feature that fires on a third of the class alone to a probe that always says yes', () => {
    const rows = Uint32Array.from({ length: 60 }, (_, i) => i);
    const y = Uint8Array.from(rows, (row) => (row < 30 ? 1 : 0));
    const says = (yes: (row: number) => boolean): { k: number; columns: Uint32Array; scores: Float64Array } => ({
      ...{ k: 1, columns: Uint32Array.of(0), scores: Float64Array.from(rows, (row) => (yes(row) ? 1 : -1)) },
    });
    const third = says((row) => row < 30 && row % 3 === 0);
    const always = says(() => true);
    const labelled = { rows, y };
    const raw = { probe: { columns: rows, weights: new Float64Array(60), bias: 1 }, scores: always.scores };
    const own = { fit: labelled, test: labelled, dictionary: [third], neurons: [always], raw };
    const { classes } = summariseProbes(
      [
        {
          probes: { ...own, splitting: { features: Uint32Array.of(0), f1: [0.5] } },
          document: rows.map((row) => row % 6),
          absorbed: Array.from(rows, () => null),
        },
      ],
      { documents: 6, resamples: 50, random: new KeyedRandom('thirds') },
    );
    // F1 = 2·10 / (30 + 10) = 1/2 against 2·30 / (30 + 60) = 2/3; balanced accuracy (1/3 + 1) / 2 = 2/3 against 1/2.
    expect(classes[0]?.dictionary[0]?.f1.value).toBe(0.5);
    expect(classes[0]?.neurons[0]?.f1.value).toBeCloseTo(2 / 3, 12);
    expect(classes[0]?.difference[0]?.value).toBeCloseTo(2 / 3 - 1 / 2, 12);
    expect(classes[0]?.absorption.full).toEqual({ value: null, lo: null, hi: null, n: 0 });
  });
});

describe('splitting', () => {
  it.each([
    [[0.9], 1],
    [[0.9, 0.92], 1],
    [[0.5, 0.6, 0.7, 0.72], 3],
    [[0.5, 0.4, 0.9], 1],
  ])('of F1 %j takes %i', (f1, k) => {
    expect(countSplit(f1)).toBe(k);
  });
});

describe('drawn rows', () => {
  const offered = Array.from({ length: 500 }, (_, pos) => ({ doc: pos % 7, pos }));

  it('are the same in whatever order they are offered, and as many as are asked for', () => {
    const draw = (rows: readonly { readonly doc: number; readonly pos: number }[]): unknown => {
      const own = new RowDraw<{ readonly doc: number; readonly pos: number }>(1, { most: 20, seed: 3 });
      for (const row of rows) own.offer(0, row, () => row);
      expect(own.seen(0)).toBe(500);
      return own.drawn(0);
    };
    const drawn = draw(offered);
    expect(drawn).toHaveLength(20);
    expect(draw([...offered].reverse())).toEqual(drawn);
  });

  it('of another seed are others', () => {
    const draw = (seed: number): unknown => {
      const own = new RowDraw<{ readonly doc: number; readonly pos: number }>(1, { most: 20, seed });
      for (const row of offered) own.offer(0, row, () => row);
      return own.drawn(0);
    };
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('stand against as many of the others, in equal parts as far as they go', () => {
    const classes = [[0, 1, 2, 3], [4], [5, 6, 7, 8, 9]].map((rows) => Uint32Array.from(rows));
    const { rows, y } = againstOthers(classes, 0);
    expect([...rows]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...y]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect([...againstOthers(classes.slice(0, 2), 0).rows]).toEqual([0, 4]);
  });
});
