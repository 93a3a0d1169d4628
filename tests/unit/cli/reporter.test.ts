// What a training says of the stages that it begins: how much is to do, in words that fit one and several.
import { expect, it } from 'vitest';
import { createOutput } from '../../../cli/output.js';
import { Reporter } from '../../../cli/training/reporter.js';
import { stringIo } from './harness.js';

it.each([
  ['language-model', 1, 1, 'language-model 1 model to do'],
  ['language-model', 3, 3, 'language-model 3 models to do'],
  ['language-model', 3, 2, 'language-model 2 of 3 models to do'],
  ['corpus', 1, 1, 'corpus       1 item to do'],
  ['corpus', 4, 0, 'corpus       all there'],
] as const)('of %s with %i units, %i of them to do', (...[stage, planned, left, expected]) => {
  const texts = { out: '', err: '' };
  const units = (n: number) =>
    Array.from({ length: n }, () => ({ item: {}, config: { keyed: { training: { steps: 1 } }, aux: { name: 'm' } } }));
  const steps = { stage, groups: [{ units: units(planned) }] };
  new Reporter(createOutput(stringIo(texts), { json: false })).begin(steps as never, units(left) as never);
  expect(texts.err).toBe(`${expected}\n`);
});
