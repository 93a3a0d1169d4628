// What planning and reading must know of a run's dictionary besides its weights. Pure.
import { kindSettings } from '../../core/dictionaries/architecture.js';
import type { NamedSites } from '../../core/dictionaries/sites.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import type { EncodeConfig } from './config.js';

/** The sites that a dictionary reads and writes, with their widths. */
export function sitesOfDictionary(
  run: Pick<ResolvedRun, 'sites'> & { readonly model: { readonly width: number } },
  { site }: Pick<ResolvedDictionary, 'site'>,
): NamedSites {
  const width = run.sites.find((s) => s.name === site)?.width ?? run.model.width;
  return { names: [site], widths: [width], reads: [0], writes: [0] };
}

/** A dictionary as the encode stage takes it. */
export function encodedDictionary(
  run: Parameters<typeof sitesOfDictionary>[0],
  dictionary: ResolvedDictionary,
): Pick<EncodeConfig['aux'], 'sites' | 'architecture' | 'features' | 'settings'> {
  const { architecture, features } = dictionary.sae;
  const settings = kindSettings(dictionary.sae);
  return { sites: sitesOfDictionary(run, dictionary), architecture, features, settings };
}
