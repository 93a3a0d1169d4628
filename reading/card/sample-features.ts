// Features drawn by a key: the same for everybody who names the key, chosen by nobody. Of live features alone; holds no more than are
// drawn. Order: SHA-256 of "KEY FEATURE", smallest first. Pure.
import { sha256Hex } from '../../core/identity/digest.js';

interface Drawn {
  readonly feature: number;
  readonly order: string;
}

/** At most `count` of the features, in the order of the draw. */
export function sampleFeatures(features: Iterable<number>, count: number, key: string): number[] {
  const kept: Drawn[] = [];
  for (const feature of features) {
    const order = sha256Hex(`${key} ${feature}`);
    if (kept.length === count && order > (kept.at(-1)?.order ?? '')) continue;
    const at = kept.findIndex((other) => order < other.order);
    kept.splice(at < 0 ? kept.length : at, 0, { feature, order });
    if (kept.length > count) kept.pop();
  }
  return kept.map(({ feature }) => feature);
}
