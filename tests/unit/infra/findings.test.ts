import { expect, it } from 'vitest';
import { drawByKey, metricsText, testMetricsOf } from '../../../infra/demo/findings.js';

const test = {
  rows: 52_000,
  documents: 60,
  features: 2048,
  fvu: 0.1234,
  fvuInterval: [0.12, 0.13],
  l0: 15.9,
  l0Interval: null,
  silent: 12,
  dense: 3,
} as const;

it('features are drawn by their ids alone, whatever the order in which they come', () => {
  const features = Array.from({ length: 500 }, (_, i) => i * 3);
  const drawn = drawByKey(features, 8);
  expect(drawn).toHaveLength(8);
  expect(drawByKey([...features].reverse(), 8)).toEqual(drawn);
  expect(drawn.every((feature) => features.includes(feature))).toBe(true);
  expect(drawn).not.toEqual(features.slice(0, 8));
});

it('fewer features than asked for are all drawn', () => {
  expect(drawByKey([5, 1], 8).sort()).toEqual([1, 5]);
});

it('metrics are printed with their intervals and counts', () => {
  const text = metricsText(test);
  expect(text).toContain('0.1234 (95 % interval 0.1200 to 0.1300)');
  expect(text).toMatch(/L0\) +15\.90$/m);
  expect(text).toContain('12 of 2,048 features');
  expect(text).toContain('52,000 tokens of 60 documents');
});

it('the test metrics come from the commit named metrics, and their absence is said', () => {
  const commits = [
    { shard: 'features-0-9', statistics: {} },
    { shard: 'metrics', statistics: { metrics: { splits: { test } } } },
  ];
  expect(testMetricsOf(commits)).toEqual(test);
  expect(() => testMetricsOf(commits.slice(0, 1))).toThrow(
    'Expected test-split metrics among 1 commits of the index stage, found none; finish the run with `assay resume`.',
  );
});
