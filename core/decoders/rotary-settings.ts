// Rotary positions as config.json states them: `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` before.
// Kinds whose frequencies depend on the length of the input are refused.
import { InputError } from '../../schemas/errors.js';
import { EXPORT_ADVICE, shown, type ConfigFields } from './config-fields.js';
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
  /** Names under which transformers 4 writes base and share once more, and which it does not read. */
  readonly copies?: { readonly base: string; readonly share: string };
}

const KINDS = ['default', 'linear', 'llama3', 'yarn'] as const;

/** The one kind of rotary positions of a model. @throws InputError for unknown kinds and numbers that do not fit */
export function readRotary(fields: ConfigFields, defaults: RotaryDefaults): Rotary {
  return rotaryFrom(fields, stretchObject(fields), defaults);
}

/** The same from one object of settings: of the whole model, or of one kind of layers. */
export function rotaryFrom(fields: ConfigFields, settings: ConfigFields | null, defaults: RotaryDefaults): Rotary {
  const { baseField, shareField, headWidth, copies } = defaults;
  const base = agreeing(fields, settings, { own: baseField, inner: 'rope_theta', otherwise: defaults.base });
  const share = agreeing(fields, settings, {
    own: shareField,
    inner: 'partial_rotary_factor',
    otherwise: defaults.share,
  });
  if (copies) {
    requireCopy(fields, copies.base, { name: baseField, value: base });
    requireCopy(fields, copies.share, { name: shareField ?? 'partial_rotary_factor', value: share });
  }
  if (shareField === null && share !== 1)
    throw new InputError(`Expected partial_rotary_factor 1 in this family, found ${share}. ${EXPORT_ADVICE}.`, {
      field: 'partial_rotary_factor',
      value: share,
    });
  const width = Math.trunc(headWidth * share);
  if (width < 2 || width % 2 !== 0 || width > headWidth)
    throw new InputError(
      `Expected an even number of rotary coordinates from 2 to ${headWidth}, found ${width} (a share of ${share} of a head of ${headWidth}). ${EXPORT_ADVICE}.`,
      { width, headWidth, share },
    );
  const stretch: RotaryStretch = settings ? readStretch(settings, defaults) : { kind: 'default' };
  return rotaryOf(base, width, stretch);
}

/** The object with the kind of stretching; null where there is none. */
function stretchObject(fields: ConfigFields): ConfigFields | null {
  refuseBoth(fields);
  return fields.object('rope_parameters') ?? fields.object('rope_scaling');
}

/** @throws InputError where both spellings of rotary positions are there */
export function refuseBoth(fields: ConfigFields): void {
  if (!fields.has('rope_parameters') || !fields.has('rope_scaling')) return;
  throw new InputError(
    `Expected rope_parameters or rope_scaling, found both. Remove the one that the model was not trained with from config.json.`,
    { field: 'rope_scaling' },
  );
}

/** A number that stands outside, inside, or equal in both places; the family's own where it stands in neither. */
function agreeing(
  fields: ConfigFields,
  settings: ConfigFields | null,
  { own, inner, otherwise }: { readonly own: string | null; readonly inner: string; readonly otherwise: number },
): number {
  const inside = settings?.optionalPositive(inner) ?? null;
  if (inside === null) return own === null ? otherwise : fields.positive(own, otherwise);
  const outside = own === null ? null : fields.optionalPositive(own);
  if (outside !== null && inside !== outside)
    throw new InputError(
      `Expected ${own} and ${inner} of rope_parameters to agree, found ${outside} and ${inside}. Remove the wrong one from config.json.`,
      { field: own, outside, inside },
    );
  return inside;
}

/** transformers takes the family's own name, or its default: a copy that says something else was meant, or is wrong. */
function requireCopy(fields: ConfigFields, copy: string, own: { readonly name: string; readonly value: number }): void {
  const found = fields.optionalPositive(copy);
  if (found === null || found === own.value) return;
  const stated = fields.has(own.name) ? '' : ', which config.json gives no value of its own';
  throw new InputError(
    `Expected ${own.name} and ${copy} to agree, found ${own.value} and ${found}. transformers reads ${own.name} alone${stated}. Give ${own.name} the value that the model was trained with and remove ${copy} from config.json.`,
    { field: copy, own: own.value, found },
  );
}

function readStretch(settings: ConfigFields, { maxPositions }: RotaryDefaults): RotaryStretch {
  const [now, before] = [settings.take('rope_type'), settings.take('type')];
  if (now !== null && before !== null && now !== before)
    throw new InputError(
      `Expected rope_type and type of rotary positions to agree, found ${shown(now)} and ${shown(before)}. Remove the wrong one from config.json.`,
      { field: 'rope_type', value: now, other: before },
    );
  const kind = now ?? before ?? 'default';
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
  const original = settings.optionalCount('original_max_position_embeddings') ?? maxPositions;
  const factor = settings.positive('factor');
  const magnitude = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const [part, whole] = [settings.optionalPositive('mscale'), settings.optionalPositive('mscale_all_dim')];
  const natural = part !== null && whole !== null ? magnitude(part) / magnitude(whole) : magnitude(1);
  return {
    kind: 'yarn',
    factor,
    original,
    fast: settings.optionalPositive('beta_fast') ?? 32,
    slow: settings.optionalPositive('beta_slow') ?? 1,
    scale: settings.optionalPositive('attention_factor') ?? natural,
    truncate: settings.flag('truncate', true),
  };
}
