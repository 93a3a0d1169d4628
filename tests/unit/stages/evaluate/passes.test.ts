// A wide dictionary in the model's graph: batches go in parts whose scores have room (2^20 features on 64 contexts would be 32 GiB).
import { expect, it } from 'vitest';
import { passesOf } from '../../../../stages/evaluate/measure-losses.js';

const contexts = Uint32Array.from({ length: 64 }, (_, i) => i + 5);

it.each([
  { features: 16_384, each: 64 },
  { features: 32_768, each: 64 },
  { features: 65_536, each: 32 },
  { features: 2 ** 20, each: 2 },
  { features: 2 ** 24, each: 1 },
])('of $features features has $each contexts at once, in their order', ({ features, each }) => {
  const parts = passesOf({ length: 128, contexts }, features);
  expect(parts.map((part) => part.contexts.length)).toEqual(new Array(64 / each).fill(each));
  expect(parts.flatMap((part) => [...part.contexts])).toEqual([...contexts]);
  expect(new Set(parts.map(({ length }) => length))).toEqual(new Set([128]));
});
