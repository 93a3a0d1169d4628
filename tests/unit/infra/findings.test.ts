// The demo's features are drawn by a key: the same for everybody, chosen by nobody.
import { expect, it } from 'vitest';
import { drawByKey, nextLines } from '../../../infra/demo/findings.js';

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

it('what to type next fits 80 columns, each command on a line of its own', () => {
  const lines = nextLines();
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => line.startsWith('  npx assay '))).toHaveLength(lines.length / 2);
});
