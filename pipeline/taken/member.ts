// One of the dictionaries that lie at a path.
import type { TakenDictionary } from '../../core/interop/taken-dictionary.js';

/** A member of a set has a layer; a dictionary by itself has none. */
export interface TakenMember {
  readonly layer: number | null;
  /** Where it was read from. */
  readonly path: string;
  readonly dictionary: TakenDictionary;
}
