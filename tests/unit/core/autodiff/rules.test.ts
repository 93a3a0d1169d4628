// Every derivative rule against finite differences, with ONNX Runtime's optimiser off and on, and with all that a file may
// tell of shapes; and that no operator of the table lacks a case or a reason.
import { describe, expect, it } from 'vitest';
import { RULES } from '../../../../core/autodiff/rules.js';
import { OPERATORS, type OperatorName } from '../../../../core/onnx/operators/table.js';
import { ATTENTION_CASES } from './cases/attention.js';
import { ELEMENTWISE_CASES } from './cases/elementwise.js';
import { GATHERING_CASES } from './cases/gathering.js';
import { MOVEMENT_CASES } from './cases/movement.js';
import { PRODUCT_CASES } from './cases/products.js';
import { REDUCTION_CASES } from './cases/reductions.js';
import { numericGradients, ruleError, type Knowledge } from './finite-differences.js';

const CASES = [
  ATTENTION_CASES,
  ELEMENTWISE_CASES,
  PRODUCT_CASES,
  MOVEMENT_CASES,
  GATHERING_CASES,
  REDUCTION_CASES,
].flat();
const TOLERANCE = { float64: 1e-7, float32: 3e-4 };
const KNOWLEDGE: readonly Knowledge[] = ['sizes', 'ranks', 'nothing'];

describe('derivative rules equal finite differences', () => {
  const named = CASES.map((rule) => ({ name: `${rule.operator}, ${rule.what}`, rule }));
  it.each(named)('$name', async ({ rule }) => {
    const reference = await numericGradients(rule);
    for (const knowledge of rule.knowledge ?? KNOWLEDGE) {
      for (const optimisation of ['disabled', 'all'] as const) {
        const { error, tensor } = await ruleError(rule, reference, { optimisation, knowledge });
        const at = `${tensor}, ${knowledge} known, optimisation ${optimisation}`;
        expect(error, at).toBeLessThanOrEqual(TOLERANCE[rule.dtype ?? 'float64']);
      }
    }
  });
});

describe('the table of derivatives', () => {
  const covered = new Set(CASES.map((rule) => rule.operator));
  const names = Object.keys(RULES) as OperatorName[];

  it('has a row for every operator of the engine', () => {
    expect(names.sort()).toEqual(Object.keys(OPERATORS).sort());
  });

  it.each(names)('%s has a finite-difference case or says why there is no gradient', (name) => {
    const row = RULES[name];
    if (typeof row === 'function') {
      expect(covered.has(name)).toBe(true);
      return;
    }
    expect(covered.has(name)).toBe(false);
    expect(('noGradient' in row ? row.noGradient : row.unsupported).length).toBeGreaterThan(10);
  });
});
