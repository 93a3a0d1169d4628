// Probes over rows whose features are planted: a class that is one feature, one that is split into two, one of which a part is absorbed.
import { describe, expect, it } from 'vitest';
import { chooseCoordinates, chooseFeatures } from '../../../../core/dictionaries/probes/choose.js';
import {
  balancedAccuracy,
  confusionOf,
  f1Of,
  fitProbe,
  predict,
} from '../../../../core/dictionaries/probes/linear-probe.js';
import { probeClass } from '../../../../core/dictionaries/probes/probe-class.js';
import { type ProbeRows, taskOf } from '../../../../core/dictionaries/probes/probe-rows.js';
import { summariseProbes } from '../../../../core/dictionaries/probes/summarise.js';
import { KeyedRandom } from '../../../../core/tensor/random.js';

const [WIDTH, FEATURES] = [12, 10];
const random = new KeyedRandom('planted');
const DECODER = Array.from({ length: FEATURES }, () => {
  const row = Float32Array.from({ length: WIDTH }, () => random.nextNormal());
  const norm = Math.hypot(...row);
  return row.map((value) => value / norm);
});

interface Planted {
  readonly label: number;
  /** Feature and value. */
  readonly fires: readonly (readonly [number, number])[];
}

/** Rows that are the sum of what fires and a little noise. */
function rowsOf(planted: readonly Planted[], purpose: string): ProbeRows {
  const noise = new KeyedRandom('noise', purpose);
  const act = Float32Array.from({ length: planted.length * WIDTH }, () => 0.02 * noise.nextNormal());
  planted.forEach(({ fires }, i) => {
    for (const [feature, value] of fires)
      for (let j = 0; j < WIDTH; j++)
        act[i * WIDTH + j] = (act[i * WIDTH + j] as number) + value * ((DECODER[feature] as Float32Array)[j] as number);
  });
  const offsets = new Uint32Array(planted.length + 1);
  planted.forEach(({ fires }, i) => (offsets[i + 1] = (offsets[i] as number) + fires.length));
  return {
    ...{ rows: planted.length, width: WIDTH, act },
    firing: {
      offsets,
      feature: Uint32Array.from(planted.flatMap(({ fires }) => fires.map(([feature]) => feature))),
      value: Float32Array.from(planted.flatMap(({ fires }) => fires.map(([, value]) => value))),
    },
    label: Uint16Array.from(planted, ({ label }) => label),
    doc: Uint32Array.from(planted, (_, i) => Math.floor(i / 10)),
    draw: Float64Array.from(planted, () => noise.nextInt(2 ** 31)),
  };
}

/** Half of the rows are of class 1, whose features `own` chooses by the row's number; the others have features 5 … 9. */
function planted(count: number, own: (n: number) => Planted['fires'], purpose: string): ProbeRows {
  const other = new KeyedRandom('others', purpose);
  return rowsOf(
    Array.from({ length: count }, (_, i) => {
      const rest = [[5 + other.nextInt(5), 0.5 + other.nextInt(100) / 200]] as const;
      return i % 2 === 0 ? { label: 0, fires: rest } : { label: 1, fires: [...own((i - 1) / 2), ...rest] };
    }),
    purpose,
  );
}

function probed(own: (n: number) => Planted['fires'], count = 400) {
  const [fit, test] = [planted(count, own, 'fit'), planted(count / 2, own, 'test')];
  const decoderRow = (feature: number): Float32Array => DECODER[feature] as Float32Array;
  return { test, found: probeClass({ fit, test, label: 1, most: count, decoderRow }) };
}

const scoreOf = ({ found }: ReturnType<typeof probed>, of: 'raw' | 0 | 1 | 2): number =>
  f1Of(
    confusionOf(found.task.positive, of === 'raw' ? found.raw.said : (found.features[of]?.said ?? new Uint8Array(0))),
  );

describe('a class', () => {
  it('that is one feature is told by that one, and is no more than it', () => {
    const one = probed(() => [[3, 1]]);
    expect(one.found.features.map(({ reads }) => reads?.[0])).toEqual([3, 3, 3]);
    expect(scoreOf(one, 0)).toBe(1);
    expect(scoreOf(one, 'raw')).toBeGreaterThan(0.97);
    expect(one.found.splitting.features).toEqual([3]);
    expect(one.found.absorption).toMatchObject({ absorbed: 0, by: [] });
  });

  it('that is split into two features needs both', () => {
    const two = probed((n) => [[n % 3 === 0 ? 2 : 1, 1]]);
    expect(two.found.splitting.features).toEqual([1, 2]);
    expect(scoreOf(two, 1)).toBe(1);
    // The larger of both alone finds two thirds.
    expect(scoreOf(two, 0)).toBeCloseTo(0.8, 1);
  });

  it('of which one row in 25 is done by another feature is absorbed there so often', () => {
    // Feature 4 is of the class's direction and of its own.
    const along = (DECODER[0] as Float32Array).map(
      (value, j) => 0.8 * value + 0.6 * ((DECODER[4] as Float32Array)[j] as number),
    );
    const norm = Math.hypot(...along);
    DECODER[4] = along.map((value) => value / norm);
    const absorbed = probed((n) => [[n % 25 === 0 ? 4 : 0, 1]], 1200);
    const { splitting, absorption, task, raw } = absorbed.found;
    expect(splitting.features).toEqual([0]);
    const right = [...task.rows].filter((_, i) => task.positive[i] === 1 && raw.said[i] === 1);
    const planted4 = right.filter((row) => ((row - 1) / 2) % 25 === 0);
    expect(absorption?.n).toBe(right.length);
    expect(planted4.length).toBeGreaterThan(5);
    expect(absorption?.by).toEqual([{ feature: 4, n: planted4.length }]);
  });
});

describe('what probes read', () => {
  it('are the features, or coordinates, whose mean differs most; equal ones by the lower number', () => {
    const rows = rowsOf(
      [
        { label: 1, fires: [[1, 2], [2, 2], [7, 1]] }, // prettier-ignore
        { label: 0, fires: [[7, 1]] },
      ],
      'ties',
    );
    const task = taskOf(rows, 1, 10);
    expect(chooseFeatures(rows, task, 3)).toEqual([1, 2, 7]);
    const [first = -1] = chooseCoordinates(rows, task, 1);
    const difference = (j: number): number => Math.abs((rows.act[j] as number) - (rows.act[WIDTH + j] as number));
    expect(
      Array.from({ length: WIDTH }, (_, j) => difference(j)).indexOf(
        Math.max(...Array.from({ length: WIDTH }, (_, j) => difference(j))),
      ),
    ).toBe(first);
  });

  it('takes as many others as there are rows of the class, those drawn first', () => {
    const rows = planted(100, () => [[3, 1]], 'draw');
    const task = taskOf(rows, 1, 20);
    const last = (label: number): number =>
      Math.max(...[...task.rows].filter((row) => rows.label[row] === label).map((row) => rows.draw[row] as number));
    expect(task.rows).toHaveLength(40);
    for (const label of [0, 1]) {
      const smaller = [...rows.draw].filter((draw, row) => rows.label[row] === label && draw <= last(label));
      expect(smaller).toHaveLength(20);
    }
  });
});

describe('a summary', () => {
  it('has the scores of the counts, and the difference of features and coordinates', () => {
    const { test, found } = probed((n) => [[n % 3 === 0 ? 2 : 1, 1]]);
    const summary = summariseProbes(test, [found], { resamples: 100, random: new KeyedRandom('intervals') });
    found.features.forEach(({ said }, size) => {
      const counts = confusionOf(found.task.positive, said);
      const own = summary.classes[0]?.features[size];
      expect(own?.f1.value).toBeCloseTo(f1Of(counts), 12);
      expect(own?.balancedAccuracy.value).toBeCloseTo(balancedAccuracy(counts), 12);
      expect(own?.f1.lo).toBeLessThanOrEqual(own?.f1.value ?? NaN);
      const other = confusionOf(found.task.positive, found.neurons[size]?.said ?? new Uint8Array(0));
      expect(summary.difference[size]?.value).toBeCloseTo(f1Of(counts) - f1Of(other), 12);
    });
    expect(summary.mean.raw).toEqual({ ...summary.classes[0]?.raw });
  });
});

it('a probe does not depend on the units of what it reads', () => {
  const rows = planted(200, () => [[3, 1]], 'units');
  const positive = Uint8Array.from(rows.label);
  const values = Float64Array.from(rows.act);
  const scaled = values.map((value, at) => value * 10 ** (at % 3) + 7);
  const said = predict(fitProbe(values, positive), values, rows.rows);
  expect(predict(fitProbe(scaled, positive), scaled, rows.rows)).toEqual(said);
});
