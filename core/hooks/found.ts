// What a structure's file says of a place in a model.
import type { Located } from './site-view.js';

/** What the resolver says of a place: where it is, that the model has none (null), or why it is not certain. */
export type Found = Place | null | string;

interface Place extends Located {
  readonly readers?: readonly string[];
  readonly readOnly?: string | null;
}
