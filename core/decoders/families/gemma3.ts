// Gemma 3, text (Gemma Team 2025), as transformers' Gemma3ForCausalLM stores and computes it: Gemma 2 with norms over each head's
// queries and keys instead of caps, five layers with a sliding window to one without, and other rotary positions for each kind.
import { InputError } from '../../../schemas/errors.js';
import { ConfigFields } from '../config-fields.js';
import type { LayerSpec, Rotary } from '../decoder-spec.js';
import { readSizes, ROTARY_BUFFERS, type Family, type Sizes } from '../family.js';
import { readLayerKinds, readLayers, windowOf, type LayerKind } from '../layer-kinds.js';
import { rotaryFrom } from '../rotary-settings.js';
import { describeGemma, gemmaScale, readWindow } from './gemma2.js';

const HEAD_WIDTH = 256;
/** One layer in so many sees everything. */
const PATTERN = 6;
const BASES: Readonly<Record<LayerKind, number>> = {
  full_attention: 1_000_000,
  sliding_attention: 10_000,
};

export const GEMMA3: Family = {
  title: 'Gemma 3 (text)',
  modelType: 'gemma3_text',
  architectures: ['Gemma3ForCausalLM', 'Gemma3TextModel'],
  prefix: 'model.',
  unembedding: 'lm_head.weight',
  buffers: ROTARY_BUFFERS,
  describe: (fields) => {
    const sizes = readSizes(fields, HEAD_WIDTH);
    return describeGemma(fields, sizes, {
      layers: readWindows(fields, sizes),
      scoreCap: null,
      logitCap: null,
      headNorms: true,
    });
  },
};

function readWindows(fields: ConfigFields, sizes: Sizes): readonly LayerSpec[] {
  const window = readWindow(fields);
  const written = fields.optionalCount('_sliding_window_pattern');
  const pattern = fields.optionalCount('sliding_window_pattern') ?? written ?? PATTERN;
  const kinds = readLayerKinds(fields, readLayers(fields), (n) =>
    (n + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention',
  );
  const rotary = readRotaries(fields, sizes);
  const scoreScale = gemmaScale(fields);
  return kinds.map((kind) => ({
    window: windowOf(kind, window),
    rotary: rotary[kind],
    scoreScale,
  }));
}

/** Both kinds: two objects in `rope_parameters`; or rope_theta with rope_scaling, and rope_local_base_freq without it. */
function readRotaries(fields: ConfigFields, sizes: Sizes): Readonly<Record<LayerKind, Rotary>> {
  const common = { ...sizes, shareField: null, share: 1 };
  const nested = fields.take('rope_parameters');
  const [full, local] = [
    { ...common, baseField: 'rope_theta', base: BASES.full_attention },
    { ...common, baseField: 'rope_local_base_freq', base: BASES.sliding_attention },
  ];
  if (nested === null) {
    const scaling = fields.take('rope_scaling');
    const stretch = scaling === null ? null : new ConfigFields(scaling, 'rope_scaling.');
    return {
      full_attention: rotaryFrom(fields, stretch, full),
      sliding_attention: rotaryFrom(fields, null, local),
    };
  }
  if (fields.take('rope_scaling') !== null)
    throw new InputError(
      'Expected rope_parameters or rope_scaling, found both. Remove the one that the model was not trained with from config.json.',
      { field: 'rope_scaling' },
    );
  const both = new ConfigFields(nested, 'rope_parameters.');
  const part = (kind: LayerKind): ConfigFields | null => {
    const settings = both.take(kind);
    return settings === null ? null : new ConfigFields(settings, `rope_parameters.${kind}.`);
  };
  const found = {
    full_attention: rotaryFrom(fields, part('full_attention'), full),
    sliding_attention: rotaryFrom(fields, part('sliding_attention'), local),
  };
  both.finish();
  return found;
}
