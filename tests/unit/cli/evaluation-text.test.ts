// What is told of a training with candidates in 8 bits.
import { expect, it } from 'vitest';
import { evaluationText } from '../../../cli/render/evaluation-text.js';
import { saeEvalDocument } from '../../../schemas/documents/sae.js';

const metric = { value: 0.5, lo: 0.4, hi: 0.6, n: 100 };
const METRICS = ['fvu', 'l0', 'ceRecoveredMean', 'ceRecoveredZero', 'deltaCeNats', 'cosine', 'reconstructionBias'];
const COUNTS = ['silent', 'dense', 'deadTraining'];

function told(candidates?: object): string {
  const document = saeEvalDocument.parse({
    ...{ dictionary: 'r/d', model: 'm', split: 'test', rows: 100, documents: 10, controls: {} },
    metrics: Object.fromEntries([...METRICS, ...COUNTS].map((name) => [name, metric])),
    training: {
      ...{ steps: 200, tokens: 12_800, updates: { median: 50, atLeast100: 0.2 }, movement: { median: 0.5, rows: 64 } },
      ...(candidates && { candidates }),
    },
  });
  const text = evaluationText(document);
  return (typeof text === 'string' ? [text] : text).filter((block) => typeof block === 'string').join('\n');
}

it.each([
  [
    { recall: 0.99987, measured: 51_200, exactFrom: null, because: null },
    'Candidates in 8 bits held 99.987 % of 51,200 choices by exact scores.',
  ],
  [
    { recall: 0.95, measured: 8192, exactFrom: 64, because: 'recall' },
    'Candidates in 8 bits held 95.000 % of 8,192 choices by exact scores; from step 65 on candidates are exact, because fewer than 99.9 % were held in 64 steps.',
  ],
  [
    { recall: null, measured: 0, exactFrom: 0, because: 'processor' },
    "Candidates in 8 bits were not used; from step 1 on candidates are exact, because this processor's products of bytes are not exact.",
  ],
])('%j', (candidates, text) => {
  expect(told(candidates)).toContain(text);
});

it('says nothing of it where candidates are exact', () => {
  expect(told()).toContain('Trained 200 steps');
  expect(told()).not.toContain('8 bits');
});
