// Rotary positions as config.json states them: `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` before.
// Kinds whose frequencies depend on the length of the input are refused.
import { InputError } from '../../schemas/errors.js';
import { ConfigFields, EXPORT_ADVICE, shown } from './config-fields.js';
import type { Rotary } from './decoder-spec.js';
import { rotaryOf, type RotaryStretch } from './rotary-frequencies.js';

export interface RotaryDefaults {
  /** Names of base and share of a head that turns, besides those of transformers 5. */
  readonly baseField: string;
  readonly base: number;
  readonly shareField: string | null;
  readonly share: number;
  readonly headWidth: number;
  readonly maxPositions: number;
}

const KINDS = ['default', 'linear', 'llama3', 'yarn'] as const;

/** The one kind of rotary positions of a model. @throws InputError for unknown kinds and numbers that do not fit */
export function readRotary(fields: ConfigFields, defaults: RotaryDefaults): Rotary {
  const stretch = stretchObject(fields);
  return rotaryFrom(fields, stretch, defaults);
}

/** The same from one object of settings: of the whole model, or of one kind of layers. */
export function rotaryFrom(fields: ConfigFields, settings: ConfigFields | null, defaults: RotaryDefaults): Rotary {
  const { baseField, shareField, headWidth } = defaults;
  const base = agreeing(fields, settings, { own: baseField, inner: 'rope_theta' }) ?? defaults.base;
  const share = agreeing(fields, settings, { own: shareField ?? '', inner: 'partial_rotary_factor' }) ?? defaults.share;
  if (shareField === null && share !== 1)
    throw new InputError(`Expected partial_rotary_factor 1 in this family, found ${share}. ${EXPORT_ADVICE}.`, {
      field: 'partial_rotary_factor',
      value: share,
    });
  const width = Math.trunc(headWidth * share);
  if (width < 2 || width % 2 !== 0 || width > headWidth)
    throw new InputError(
      `Expected an even number of rotary coordinates from 2 to ${headWidth}, found ${width} (a share of ${share} of a head of ${headWidth}). Correct config.json.`,
      { width, headWidth, share },
    );
  const stretch: RotaryStretch = settings ? readStretch(settings, defaults) : { kind: 'default' };
  settings?.finish();
  return rotaryOf(base, width, stretch);
}

/** The object with the kind of stretching; null where there is none. */
function stretchObject(fields: ConfigFields): ConfigFields | null {
  const [now, before] = [fields.take('rope_parameters'), fields.take('rope_scaling')];
  if (now !== null && before !== null)
    throw new InputError(
      `Expected rope_parameters or rope_scaling, found both. Remove the one that the model was not trained with from config.json.`,
      { field: 'rope_scaling' },
    );
  if (now !== null) return new ConfigFields(now, 'rope_parameters.');
  return before === null ? null : new ConfigFields(before, 'rope_scaling.');
}

/** A number that stands outside, inside, or equal in both places. */
function agreeing(
  fields: ConfigFields,
  settings: ConfigFields | null,
  { own, inner }: { readonly own: string; readonly inner: string },
): number | null {
  const outside = own === '' ? null : fields.optionalPositive(own);
  const inside = settings?.optionalPositive(inner) ?? null;
  if (outside !== null && inside !== null && outside !== inside)
    throw new InputError(
      `Expected ${own} and ${inner} of rope_parameters to agree, found ${outside} and ${inside}. Remove the wrong one from config.json.`,
      { field: own, outside, inside },
    );
  return inside ?? outside;
}

function readStretch(settings: ConfigFields, { maxPositions }: RotaryDefaults): RotaryStretch {
  const before = settings.take('type');
  const kind = settings.take('rope_type') ?? before ?? 'default';
  const known = KINDS.find((one) => one === kind);
  if (known === undefined)
    throw new InputError(
      `Expected rotary positions of the kind ${KINDS.join(', ')}, found ${shown(kind)}. ${EXPORT_ADVICE}.`,
      { field: 'rope_type', value: kind },
    );
  // Written by transformers 5 beside every kind; read where the kind needs it.
  if (known === 'default' || known === 'linear') settings.ignore('original_max_position_embeddings');
  switch (known) {
    case 'default':
      return { kind: known };
    case 'linear':
      return { kind: known, factor: settings.positive('factor') };
    case 'llama3':
      return {
        kind: known,
        factor: settings.positive('factor'),
        low: settings.positive('low_freq_factor'),
        high: settings.positive('high_freq_factor'),
        original: settings.count('original_max_position_embeddings'),
      };
    case 'yarn':
      return readYarn(settings, maxPositions);
  }
}

function readYarn(settings: ConfigFields, maxPositions: number): RotaryStretch {
  const original = settings.count('original_max_position_embeddings', maxPositions);
  const factor = settings.positive('factor', maxPositions / original);
  const magnitude = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const [part, whole] = [settings.optionalPositive('mscale'), settings.optionalPositive('mscale_all_dim')];
  const natural = part !== null && whole !== null ? magnitude(part) / magnitude(whole) : magnitude(1);
  return {
    kind: 'yarn',
    factor,
    original,
    fast: settings.positive('beta_fast', 32),
    slow: settings.positive('beta_slow', 1),
    scale: settings.positive('attention_factor', natural),
    truncate: settings.flag('truncate', true),
  };
}
