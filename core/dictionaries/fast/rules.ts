// The table of fast rules, one for every kind that the run file knows.
import type { ArchitectureName } from '../../../schemas/dictionaries.js';
import { aboveRule } from './above.js';
import { batchtopkRule, matryoshkaRule, topkRule } from './choosing.js';
import { gatedInference, gatedRule } from './gated.js';
import { jumpreluRule } from './jumprelu.js';
import { reluRule } from './relu.js';
import type { FastRules } from './rule.js';

export const FAST_RULES: { readonly [Name in ArchitectureName]: FastRules } = {
  topk: { trains: topkRule, infers: topkRule },
  batchtopk: { trains: batchtopkRule, infers: aboveRule },
  matryoshka: { trains: matryoshkaRule, infers: aboveRule },
  relu: { trains: reluRule, infers: reluRule },
  jumprelu: { trains: jumpreluRule, infers: aboveRule },
  gated: { trains: gatedRule, infers: gatedInference },
};
