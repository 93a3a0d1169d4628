// What a training's settings say of the dictionary itself.
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { checkKindSettings } from '../../core/dictionaries/settings.js';
import { checkSites, totalFeatures, wiringFlags } from '../../core/dictionaries/sites.js';
import type { DictionaryShape } from '../../core/dictionaries/state.js';
import { type TrainConfig, sourcesOf } from './config.js';

/** Kind and sizes of a dictionary. @throws InputError where the kind cannot have these sites or settings */
export function shapeOf(keyed: TrainConfig['keyed'], widths: readonly number[]): DictionaryShape {
  const { sae } = keyed;
  const kind = ARCHITECTURES[sae.architecture];
  const { reads, writes } = sourcesOf(keyed);
  const sites = { widths, reads, writes, ...wiringFlags(sae) };
  checkKindSettings(sae);
  checkSites(sites);
  return { kind, sites, features: totalFeatures(sae.features, sites) };
}
