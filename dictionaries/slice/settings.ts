// What a slice must know of its dictionary and of the training it is in. Plain data but for the rule, which is found by name.
import { settingOf, type KindSettings } from '../../core/dictionaries/architecture.js';
import type { FastRule } from '../../core/dictionaries/fast/rule.js';
import type { Slice } from '../../core/dictionaries/slices.js';

export interface SliceTraining {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** full: a second moment per weight; row: one per row of a matrix. */
  readonly moments: 'full' | 'row';
  readonly clips: boolean;
  readonly unitRows: boolean;
}

export interface SliceSettings {
  readonly slice: Slice;
  /** In training; of a dictionary that is only applied, as `infers`. */
  readonly rule: FastRule;
  /** Over stored weights, and for measurements during training. */
  readonly infers: FastRule;
  readonly settings: KindSettings;
  readonly batchRows: number;
  /** Features of the whole dictionary. */
  readonly totalFeatures: number;
  /** Features kept per row, or per row of a batch; 0 for kinds with limits. */
  readonly k: number;
  /** Most dead features that AuxK revives per row; 0 for none. */
  readonly kAux: number;
  /** Whether candidates may be proposed in 8 bits. */
  readonly quantised: boolean;
  /** Per-feature tensors. */
  readonly vectors: readonly string[];
  readonly parts: Reconstructions;
  /** Null: it is only applied. */
  readonly training: SliceTraining | null;
}

/** How reconstructions lie among the rows of `spread` and `gradients`. */
export interface Reconstructions {
  /** Rows: B for each prefix, or for each of the two of gated. */
  readonly lines: number;
  /** Ends of prefixes, of all features. */
  readonly ends: readonly number[];
}

/** How many reconstructions a step of this kind makes. @param training whether the extra ones of training count */
export function reconstructionsOf(
  rule: FastRule,
  settings: KindSettings,
  sizes: { readonly features: number; readonly batchRows: number; readonly training: boolean },
): Reconstructions {
  const { features, batchRows, training } = sizes;
  if (rule.choice === 'above') return { lines: batchRows * (rule.frozen && training ? 2 : 1), ends: [features] };
  const ends = training ? rule.prefixes(settings, features) : [features];
  return { lines: batchRows * ends.length, ends };
}

/** k of kinds that choose the largest; 0 for others. */
export function keptPerRow(rule: FastRule, settings: KindSettings): number {
  return rule.choice === 'above' ? 0 : settingOf(settings, 'k');
}
