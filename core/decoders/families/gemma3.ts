// Gemma 3, text (Gemma Team 2025), as transformers' Gemma3ForCausalLM stores and computes it: Gemma 2 with norms over each head's
// queries and keys instead of caps, five layers with a sliding window to one without, and other rotary positions for each kind.
import { InputError } from '../../../schemas/errors.js';
import { shown, type ConfigFields } from '../config-fields.js';
import type { LayerSpec, Rotary } from '../decoder-spec.js';
import { readSizes, ROTARY_BUFFERS, type Family, type Sizes } from '../family.js';
import { readLayerKinds, readLayers, windowOf, type LayerKind } from '../layer-kinds.js';
import { refuseBoth, rotaryFrom } from '../rotary-settings.js';
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
    // transformers reads this field and does not apply it.
    fields.only('attn_logit_softcapping', []);
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
  const pattern = fields.optionalCount('sliding_window_pattern') ?? PATTERN;
  // What save_pretrained writes beside layer_types; by itself transformers does not read it.
  if (fields.take('layer_types') === null) fields.only('_sliding_window_pattern', [pattern]);
  else fields.ignore('_sliding_window_pattern');
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
  const [full, local] = [
    { ...common, baseField: 'rope_theta', base: BASES.full_attention },
    { ...common, baseField: 'rope_local_base_freq', base: BASES.sliding_attention },
  ];
  refuseBoth(fields);
  const both = fields.object('rope_parameters');
  const stretch = both ? null : fields.object('rope_scaling');
  if (stretch) refuseOldName(stretch);
  return {
    full_attention: rotaryFrom(fields, both ? both.object('full_attention') : stretch, full),
    sliding_attention: rotaryFrom(fields, both?.object('sliding_attention') ?? null, local),
  };
}

/** transformers 5 passes over `type` here, and 4 fails: what a folder with it computes is not known. */
function refuseOldName(stretch: ConfigFields): void {
  const kind = stretch.take('type');
  if (kind === null || kind === 'default' || stretch.has('rope_type')) return;
  throw new InputError(
    `Expected rope_scaling.rope_type in this family, found rope_scaling.type = ${shown(kind)}, which transformers does not apply. Spell it rope_type in config.json where it was meant, else remove rope_scaling.`,
    { field: 'rope_scaling.type', value: kind },
  );
}
