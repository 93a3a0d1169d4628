// What the activations stage plans: one key per site, and one item per token shard that commits under all keys that are
// missing. Pure. One forward pass serves all sites of an item.
import { stageKey, type KeyPreimage } from '../../core/identity/digest.js';
import { InputError } from '../../schemas/errors.js';
import type { ActivationsConfig } from './config.js';

/** Raised whenever the bytes that this stage writes change. */
export const ACTIVATIONS_VERSION = 3;

export interface SiteKey {
  readonly site: string;
  readonly key: string;
  readonly preimage: KeyPreimage;
}

/** The key of every site of the stored plan, in the plan's order. */
export function planSiteKeys(config: ActivationsConfig): SiteKey[] {
  return config.aux.sites.map((site) => {
    const preimage: KeyPreimage = {
      stage: 'activations',
      stageVersion: ACTIVATIONS_VERSION,
      config: { ...config.keyed, site },
      inputs: null,
    };
    return { site, key: stageKey(preimage), preimage };
  });
}

/** The sites behind an item's keys, in the order of the keys. @throws InputError for a key of another plan or version */
export function sitesOfKeys(config: ActivationsConfig, keys: readonly string[]): SiteKey[] {
  const byKey = new Map(planSiteKeys(config).map((entry) => [entry.key, entry]));
  return keys.map((key) => {
    const entry = byKey.get(key);
    if (entry) return entry;
    throw new InputError(
      `Expected a key of one of the plan's sites (${config.aux.sites.join(', ')}), found ${key}. The lot was planned by another version: resume the run.`,
      { key, sites: config.aux.sites },
    );
  });
}
