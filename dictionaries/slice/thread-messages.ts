// What a step says to a thread that holds slices, and hears. Exchange arrays lie in shared memory; rules are found by name.
import type { ArchitectureName } from '../../schemas/dictionaries.js';
import type { EngineConfig } from '../../schemas/stored.js';
import type { WireError } from '../../runtime/child/protocol.js';
import { FAST_RULES } from '../../core/dictionaries/fast/rules.js';
import type { FastRule } from '../../core/dictionaries/fast/rule.js';
import type { Exchange } from './exchange.js';
import type { SliceLink } from './link.js';
import type { SliceSettings } from './settings.js';

/** What a thread begins with. */
export interface ThreadData {
  readonly architecture: ArchitectureName;
  readonly optimisation: EngineConfig['optimisation'];
  readonly slices: readonly {
    readonly settings: Omit<SliceSettings, 'rule' | 'infers'>;
    readonly exchange: Exchange;
  }[];
}

export type SliceMethod = Exclude<keyof SliceLink, 'settings' | 'exchange'>;

export interface ThreadCall {
  readonly id: number;
  /** Index of the slice. */
  readonly slice: number;
  readonly method: SliceMethod;
  readonly values: readonly unknown[];
}

export type ThreadReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: WireError }
  | { readonly ready: true };

/** The rules of a slice. @param training whether it is trained, not only applied */
export function rulesFor(
  architecture: ArchitectureName,
  training: boolean,
): { readonly rule: FastRule; readonly infers: FastRule } {
  const { trains, infers } = FAST_RULES[architecture];
  return { rule: training ? trains : infers, infers };
}
