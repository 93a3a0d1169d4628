// Fills in the defaults of a dictionary that depend on other settings.
import type { SaeConfig } from '../../schemas/run-file.js';
import type { ResolvedDictionary } from '../../schemas/resolved-run.js';

const REFERENCE_FEATURES = 16_384;

/**
 * A dictionary with every default filled in.
 * lr = 2e-4 / √(features / 2^14) (dictionary_learning, sparsify); warm-up a twentieth of the steps, at most 1,000;
 * dead after min(10 million, tokens / 10) rows; auxK half the width.
 * @param width d_in of the site
 */
export function resolveDictionary(config: SaeConfig, width: number): ResolvedDictionary {
  const { name, hook, ...sae } = config;
  const steps = Math.max(1, Math.floor(sae.tokens / sae.batchRows));
  return {
    name,
    site: hook,
    sae: {
      ...sae,
      lr: sae.lr ?? 2e-4 / Math.sqrt(sae.features / REFERENCE_FEATURES),
      warmupSteps: sae.warmupSteps ?? Math.min(1000, Math.floor(steps / 20)),
      auxK: sae.auxK ?? Math.floor(width / 2),
      deadAfterTokens: sae.deadAfterTokens ?? Math.max(1, Math.min(10_000_000, Math.floor(sae.tokens / 10))),
    },
  };
}
