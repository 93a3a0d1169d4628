// The tensors of controls: from the fit rows' mean and components, from a seed, or from a dictionary's own initialisation.
import { kindSettings } from '../../core/dictionaries/architecture.js';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { topk } from '../../core/dictionaries/architectures/topk.js';
import type { ControlName } from '../../core/dictionaries/controls.js';
import { initialParameters } from '../../core/dictionaries/initialise.js';
import { computeScale } from '../../core/dictionaries/scale.js';
import { oneSite } from '../../core/dictionaries/sites.js';
import { parametersOf } from '../../core/dictionaries/state.js';
import { foldToRaw } from '../../core/dictionaries/units.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import type { Basis, SiteBasis } from './basis-file.js';
import type { SumsConfig } from './config.js';

type Weights = ReadonlyMap<string, Float32Array>;

/** The control's tensors by name; null where it cannot be made. */
export function controlWeights(
  name: ControlName,
  { keyed, aux, basis }: SumsConfig & { readonly basis: Basis },
): Weights | null {
  const [site] = basis.sites;
  const width = aux.sites.widths[0] ?? 0;
  if (!site) return null;
  const mean = Float32Array.from(site.meanFit);
  switch (name) {
    case 'pcaStrongest':
    case 'pcaFirst':
      return basis.components && new Map([['mean', mean], ['U', basis.components]]); // prettier-ignore
    case 'neuronsStrongest':
      return new Map([['mean', mean]]);
    case 'random':
      return randomWeights({ features: aux.features, width, mean, seed: keyed.seed });
    case 'untrained':
      return keyed.untrained && untrainedWeights(keyed.untrained, { width, site });
  }
}

function randomWeights(of: {
  readonly features: number;
  readonly width: number;
  readonly mean: Float32Array;
  readonly seed: number;
}): Weights {
  const { features, width, mean, seed } = of;
  const random = new KeyedRandom('evaluate', 'random-dictionary', seed);
  const rows = new Float32Array(features * width);
  const row = new Float64Array(width);
  for (let i = 0; i < features; i++) {
    for (let j = 0; j < width; j++) row[j] = random.nextNormal();
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let j = 0; j < width; j++) rows[i * width + j] = (row[j] as number) / norm;
  }
  return new Map([
    ['W_enc', rows],
    ['W_dec', rows],
    ['b_enc', new Float32Array(features)],
    ['b_dec', mean],
  ]);
}

/** The parameters before the first step, in raw units; null for a kind without those of an autoencoder. */
function untrainedWeights(
  settings: NonNullable<SumsConfig['keyed']['untrained']>,
  { width, site }: { readonly width: number; readonly site: SiteBasis },
): Weights | null {
  const kind = ARCHITECTURES[settings.architecture];
  const sizes = { sites: oneSite(width), features: settings.features };
  const { scale, mean } = computeScale(site.fit);
  const trained = initialParameters({ kind, ...sizes, settings: kindSettings(settings) }, settings.seed, [mean]);
  const needed = parametersOf({ kind: topk, ...sizes });
  if (needed.some(({ name }) => !trained.has(name))) return null;
  return foldToRaw(needed, trained, { reads: [scale], writes: [scale] });
}
