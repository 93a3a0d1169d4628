// Tables of docs/benchmarks.md: who is better and by what, and that nothing is said before it was measured.
import { describe, expect, it } from 'vitest';
import { loadScript } from './scripts.js';

type Side = 'assay' | 'saelens' | 'dictionary_learning';

const SEEDS = [1, 2];

/** FVU and ΔCE of each side by k, one number for each seed. */
function judged(fvu: Readonly<Record<Side, Readonly<Record<number, readonly number[]>>>>): object[] {
  return Object.entries(fvu).flatMap(([side, byK]) =>
    Object.entries(byK).flatMap(([k, values]) =>
      values.map((value, i) => ({ side, k: Number(k), seed: SEEDS[i], fvu: { value }, deltaCe: { value: 2 * value } })),
    ),
  );
}

const RESULTS = {
  settings: {
    ...{ sparsities: [8, 16], seeds: SEEDS, steps: 100, batchRows: 2048, features: 1024, threads: 2 },
    chosenAt: { k: 16, seed: 0 },
  },
  judged: judged({
    assay: { 8: [0.2, 0.22], 16: [0.1, 0.12] },
    saelens: { 8: [0.18, 0.19], 16: [0.11, 0.13] },
    dictionary_learning: { 8: [0.23, 0.25], 16: [0.2, 0.3] },
  }),
};

describe('a verdict', () => {
  it.each([
    [[1, 2], [3, 4], 'better'],
    [[3, 4], [1, 2], 'worse'],
    [[1, 3], [2, 4], null],
    [[1, 2], [2, 3], null],
  ])('of %j against %j is %s', async (ours, theirs, verdict) => {
    const { verdictOf } = await loadScript('quality-tables.mjs');
    expect(verdictOf(ours, theirs)).toBe(verdict);
  });
});

it('quality has a line for each sparsity, with means, ranges and what ours is against each peer', async () => {
  const { qualityTable } = await loadScript('quality-tables.mjs');
  // 0.21 / 0.185 − 1 = 13.5 %; 0.21 / 0.24 − 1 = −12.5 %
  expect(qualityTable(RESULTS, 'fvu').split('\n')[2]).toBe(
    '| 8 | 0.2100 (0.2000 to 0.2200) | 0.1850 (0.1800 to 0.1900) | 0.2400 (0.2300 to 0.2500) | +13.5 %, worse | -12.5 %, better |',
  );
  expect(qualityTable(RESULTS, 'deltaCe').split('\n')[3]).toMatch(
    /^\| 16 \| 0\.2200 .* \| -8\.3 %, not told apart \| -56/,
  );
});

it('where we lose stands first', async () => {
  const { qualityVerdict } = await loadScript('quality-tables.mjs');
  expect(qualityVerdict(RESULTS).split('\n')).toEqual([
    '- SAELens, FVU: **We lose** at k 8; not told apart at k 16.',
    '- SAELens, ΔCE: **We lose** at k 8; not told apart at k 16.',
    '- dictionary_learning, FVU: we win at k 8, 16.',
    '- dictionary_learning, ΔCE: we win at k 8, 16.',
  ]);
});

describe('seconds to the peer’s FVU', () => {
  const own = (steps: number, seconds: number, fvu: number): object => ({
    side: 'assay',
    k: 8,
    seed: 1,
    steps,
    seconds,
    fvu,
  });
  const peer = {
    ...{ side: 'saelens', k: 8, seed: 1, steps: 100, seconds: 30, fvu: 0.19 },
    curve: [
      { step: 50, seconds: 15, fvu: 0.25 },
      { step: 75, seconds: 22, fvu: 0.2 },
      { step: 100, seconds: 30, fvu: 0.19 },
    ],
  };

  it('are those of the smallest budget that reaches it', async () => {
    const { secondsTo } = await loadScript('quality-tables.mjs');
    const trainings = [own(200, 20, 0.15), own(50, 5, 0.3), own(150, 15, 0.19), own(100, 10, 0.21), peer];
    expect(secondsTo({ ...RESULTS, trainings }, 'saelens', { k: 8, seed: 1 })).toEqual({
      ...{ peer: 30, own: 15, budget: 1.5, peerToOurs: 22, ownAtBudget: 10 },
    });
  });

  it('are none where no budget reaches it, in either direction', async () => {
    const { secondsTo } = await loadScript('quality-tables.mjs');
    const never = { ...RESULTS, trainings: [own(100, 10, 0.21), own(200, 20, 0.2), peer] };
    expect(secondsTo(never, 'saelens', { k: 8, seed: 1 })).toMatchObject({ own: null, budget: null });
    const ahead = { ...RESULTS, trainings: [own(100, 10, 0.1), peer] };
    expect(secondsTo(ahead, 'saelens', { k: 8, seed: 1 })).toMatchObject({ own: 10, budget: 1, peerToOurs: null });
  });
});

it('seconds are means over seeds, and a seed that does not reach the FVU is counted, not averaged', async () => {
  const { QUALITY_MARKS } = await loadScript('quality-tables.mjs');
  const own = (seed: number, seconds: number, fvu: number): object => ({
    ...{ side: 'assay', k: 8, seed, steps: 100, seconds, fvu },
  });
  const peer = (side: string, seed: number, fvu: number): object => ({
    ...{ side, k: 8, seed, steps: 100, seconds: 30, fvu, curve: [{ step: 100, seconds: 30, fvu }] },
  });
  const trainings = [own(1, 10, 0.2), own(2, 20, 0.2), ...SEEDS.map((seed) => peer('saelens', seed, 0.3))];
  trainings.push(peer('dictionary_learning', 1, 0.3), peer('dictionary_learning', 2, 0.1));
  const settings = { ...RESULTS.settings, sparsities: [8] };
  const lines = QUALITY_MARKS['quality seconds']?.({ settings, trainings }).split('\n').slice(2);
  // The bar is 4. 30 s against 10 and 20 s: mean of 3 and 1.5
  expect(lines).toEqual([
    '| SAELens | 8 | 30.0 s | 15.0 s | 1.0 | 2.3 × **missed** | 15.0 s | 0 of 2 seeds reach it |',
    '| dictionary_learning | 8 | 30.0 s | 1 of 2 seeds reach it | 1 of 2 seeds reach it | 1 of 2 seeds reach it **missed** | 15.0 s | 1 of 2 seeds reach it |',
  ]);
});

it('a ratio at the bar is not marked as missed', async () => {
  const { QUALITY_MARKS } = await loadScript('quality-tables.mjs');
  const one = { k: 8, seed: 1, steps: 100, fvu: 0.2 };
  const peers = ['saelens', 'dictionary_learning'].map((side) => ({ ...one, side, seconds: 40, curve: [] }));
  const trainings = [{ ...one, side: 'assay', seconds: 10 }, ...peers];
  const settings = { ...RESULTS.settings, sparsities: [8], seeds: [1] };
  expect(QUALITY_MARKS['quality seconds']?.({ settings, trainings })).not.toContain('missed');
});

it('the settings name rows, budget, rates with the chosen one, versions and machine', async () => {
  const { QUALITY_MARKS } = await loadScript('quality-tables.mjs');
  const rates = { chosen: 0.008, tried: [0.004, 0.008, 0.016].map((lr, i) => ({ lr, fvu: 0.2 + i / 100 })) };
  const text = QUALITY_MARKS['quality settings']?.({
    ...{ ...RESULTS, rows: { fit: 937_696, calib: 49_427, test: 48_172 }, versions: { torch: '2.15.0' } },
    rates: { assay: rates, saelens: rates, dictionary_learning: rates },
    ...{ machine: { cores: 2, cpu: 'A', node: '20' }, date: '2026-12-01T05:00:00.000Z', loadBefore: 0.125 },
  });
  expect(text).toContain('937,696 rows to train on');
  expect(text).toContain(
    '100 steps of 2,048 rows, 1,024 features, k 8, 16, seeds 1, 2, 2 threads. torch 2.15.0; 2 × A, Node 20, 2026-12-01; load of the machine before: 0.13.',
  );
  expect(text).toContain('| SAELens | 0.004 (0.2000), 0.008 (0.2100) **chosen**, 0.016 (0.2200) |');
});

it('what was not measured says so, with the command', async () => {
  const { QUALITY_MARKS, stepTable } = await loadScript('quality-tables.mjs');
  for (const text of Object.values(QUALITY_MARKS)) expect(text(null)).toContain('`npm run prove -- benchmarks`');
  expect(stepTable([{ machine: {}, rows: [{ row: 3 }] }])).toContain('`npm run bench -- --rows 4`');
});
