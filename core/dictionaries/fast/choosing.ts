// The fast rules of kinds that choose the largest scores: f = relu(z) of what is chosen, so ∂f/∂z = 1 for every pair.
import { settingOf } from '../architecture.js';
import type { ChoosingRule } from './rule.js';

const whole = (_: unknown, features: number): readonly number[] => [features];

export const topkRule: ChoosingRule = { choice: 'rows', prefixes: whole };
export const batchtopkRule: ChoosingRule = { choice: 'batch', prefixes: whole };
export const matryoshkaRule: ChoosingRule = {
  choice: 'batch',
  prefixes: (settings) => settingOf(settings, 'prefixes'),
};
