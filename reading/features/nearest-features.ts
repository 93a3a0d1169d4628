// The features whose decoder rows point most nearly the same way.
import type { ObjectStore } from '../../storage/objects/object-store.js';
import type { OpenedDictionary } from '../dictionary/open-dictionary.js';

export interface Near {
  readonly feature: number;
  readonly cosine: number;
}

export interface NearRequest {
  readonly opened: OpenedDictionary;
  readonly feature: number;
  /** How many are wanted. */
  readonly most: number;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
}

export function nearestFeatures(
  _store: ObjectStore,
  _request: NearRequest,
): Promise<{ readonly method: 'neighbours' | 'weights'; readonly nearest: readonly Near[] }> {
  return Promise.resolve({ method: 'weights', nearest: [] });
}
