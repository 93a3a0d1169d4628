// Fills in the defaults of a dictionary that depend on other settings.
import { completeSettings } from '../../core/dictionaries/settings.js';
import type { ResolvedDictionary } from '../../schemas/resolved-run.js';
import type { SaeConfig } from '../../schemas/run-file.js';

/** A dictionary with every default filled in. @param width d of the site that it writes */
export function resolveDictionary(config: SaeConfig, width: number): ResolvedDictionary {
  const { name, hook, ...sae } = config;
  return { name, site: hook, sae: completeSettings(sae, width) };
}
