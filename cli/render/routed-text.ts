// What is said wherever features of a dictionary with experts are listed. Pure.
import type { RoutedInfo } from '../../reading/dictionary/routing.js';
import { counted } from './quantities.js';

/** Null where every feature sees every row. */
export function routedNote(dictionary: string, routed: RoutedInfo | null | undefined): string | null {
  if (!routed) return null;
  return `ROUTED: the features of ${dictionary} are divided among ${counted(routed.experts, 'expert')} (${routed.kind}), one of which sees a token; a feature of another cannot fire on it, so a claim that a feature is absent may not rest on this dictionary.`;
}
