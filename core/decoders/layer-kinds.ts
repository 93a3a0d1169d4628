// Which layers see a sliding window: `layer_types` of config.json, or the family's rule where it says none.
import { InputError } from '../../schemas/errors.js';
import { EXPORT_ADVICE, shown, type ConfigFields } from './config-fields.js';

export type LayerKind = 'full_attention' | 'sliding_attention';

/** Most layers that a configuration may state: far above any model, small enough to list. */
const MAX_LAYERS = 10_000;

/** The number of layers. @throws InputError where it is none */
export function readLayers(fields: ConfigFields, name = 'num_hidden_layers'): number {
  const layers = fields.count(name);
  if (layers <= MAX_LAYERS) return layers;
  throw fields.wrong(name, `at most ${MAX_LAYERS}`);
}

/** The kind of every layer. @throws InputError for other kinds, and where there are not as many as layers */
export function readLayerKinds(
  fields: ConfigFields,
  layers: number,
  rule: (layer: number) => LayerKind,
): readonly LayerKind[] {
  const given = fields.take('layer_types');
  if (given === null) return Array.from({ length: layers }, (_, n) => rule(n));
  if (!Array.isArray(given) || given.length !== layers)
    throw fields.wrong('layer_types', `a list of ${layers} kinds, one for each layer`);
  return given.map((kind: unknown): LayerKind => {
    if (kind === 'full_attention' || kind === 'sliding_attention') return kind;
    throw new InputError(
      `Expected layer_types of full_attention and sliding_attention, found ${shown(kind)}. ${EXPORT_ADVICE}.`,
      { field: 'layer_types', value: kind },
    );
  });
}

/** The window of a layer of that kind. @throws InputError where a sliding layer has none */
export function windowOf(kind: LayerKind, window: number | null): number | null {
  if (kind === 'full_attention') return null;
  if (window !== null) return window;
  throw new InputError(
    'Expected sliding_window for the layers whose layer_types are sliding_attention, found none in use (see use_sliding_window). Correct config.json.',
    { field: 'sliding_window' },
  );
}
