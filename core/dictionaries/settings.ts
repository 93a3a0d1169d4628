// The settings of one training, its defaults, and its plan as plain numbers: how many steps, the learning rate of each, when the
// calib split is measured. Pure functions; nothing here depends on time, checkpoints or the data.
import { InputError } from '../../schemas/errors.js';
import type { ArchitectureName, Routed } from '../../schemas/dictionaries.js';
import type { OptimiserSettings } from '../optimise/optimisers/optimiser.js';
import type { Schedule } from '../optimise/schedule.js';
import { KIND_SETTINGS, type KindSetting, type KindSettings } from './architecture.js';
import { ARCHITECTURES } from './architectures.js';
import { BALANCE } from './routing/learned.js';

/** Everything that a training is told, with all defaults filled in. What is left out of the optional ones says nothing. */
export interface DictionarySettings extends KindSettings {
  readonly architecture: ArchitectureName;
  /** Of a cross-layer dictionary: of each layer. */
  readonly features: number;
  readonly skip?: true | undefined;
  readonly crossLayer?: true | undefined;
  readonly routed?: Routed | undefined;
  /** Contiguous ranges of features that are trained side by side; left out: 1. */
  readonly slices?: number | undefined;
  /** Left out: exact. */
  readonly candidates?: 'int8' | undefined;
  /** Left out: full. */
  readonly moments?: 'row' | undefined;
  /** Training budget, rows. */
  readonly tokens: number;
  readonly batchRows: number;
  /** Peak learning rate. */
  readonly lr: number;
  readonly warmupSteps: number;
  /** Share of the steps over which the rate falls linearly to 0. */
  readonly decayFraction: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Greatest global gradient norm; null for none. */
  readonly clipNorm: number | null;
  /** Most dead features that AuxK revives per row; 0 for none. */
  readonly auxK: number;
  readonly auxWeight: number;
  /** Rows without firing after which a feature is dead. */
  readonly deadAfterTokens: number;
  readonly logEverySteps: number;
  /** Keys the first values of parameters. */
  readonly seed: number;
}

/** Settings whose default depends on others; null asks for it. */
type Derived = 'lr' | 'warmupSteps' | 'betas' | 'auxK' | 'deadAfterTokens';
type Filled = Pick<DictionarySettings, Derived>;
export type OpenSettings = Omit<DictionarySettings, Derived> & {
  readonly [Name in Derived]: DictionarySettings[Name] | null;
};

const REFERENCE_FEATURES = 16_384;

/** Settings of one frozen expert: a dictionary like any other, of its part of the features and of the rows. */
export function expertSettings<Given extends { features: number; tokens: number; routed?: Routed | undefined }>(
  settings: Given,
): Given {
  const { routed, ...own } = settings;
  if (routed?.kind !== 'frozen') return settings;
  const { features, tokens } = settings;
  return { ...(own as Given), features: features / routed.experts, tokens: Math.floor(tokens / routed.experts) };
}

/**
 * Settings with every default filled in. Defaults of frozen experts are those of one of them.
 * lr = 2e-4 / √(features / 2^14) (dictionary_learning, sparsify); warm-up a twentieth of the steps, at most 1,000;
 * dead after min(10 million, tokens / 10) rows; auxK half the width, 0 where the kind has no AuxK; the kind's own defaults.
 * @param width d of the site written; of several, of all together
 */
export function completeSettings<Open extends OpenSettings>(
  open: Open,
  width: number,
): Omit<Open, Derived> & Filled & KindSettings {
  const own = expertSettings(open);
  const steps = Math.floor(own.tokens / own.batchRows);
  const kind = ARCHITECTURES[open.architecture];
  return {
    ...kind.defaults?.(own),
    ...open,
    ...(open.routed?.kind === 'learned' && { routed: { balance: BALANCE, ...open.routed } }),
    lr: open.lr ?? 2e-4 / Math.sqrt(own.features / REFERENCE_FEATURES),
    warmupSteps: open.warmupSteps ?? Math.min(1000, Math.floor(steps / 20)),
    betas: open.betas ?? kind.betas,
    auxK: open.auxK ?? (kind.revives ? Math.floor(width / 2) : 0),
    deadAfterTokens: open.deadAfterTokens ?? Math.max(1, Math.min(1e7, Math.floor(own.tokens / 10))),
  };
}

export interface KindProblem {
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

export type GivenKindSettings = KindSettings & { readonly auxK?: number | null | undefined };

/** All that is wrong with the settings that only some kinds use. */
export function kindProblems(architecture: ArchitectureName, given: GivenKindSettings): KindProblem[] {
  const { uses, oneOf = [], takes = [], revives } = ARCHITECTURES[architecture];
  const known = [...uses, ...oneOf, ...takes];
  const problems = KIND_SETTINGS.flatMap((field): KindProblem[] => {
    const value = given[field];
    if (value === undefined && uses.includes(field))
      return [{ field, expected: `a number, as ${architecture} needs it`, found: 'none', remedy: `add ${field}` }];
    if (value === undefined || known.includes(field)) return [];
    const instead = known.map((name) => `\`${name}\``).join(', ');
    const remedy = `remove it; ${architecture} takes ${instead}`;
    return [{ field, expected: `nothing for ${architecture}`, found: shownValue(value), remedy }];
  });
  problems.push(...oneOfProblems(architecture, oneOf, given));
  if (revives || !given.auxK) return problems;
  const expected = `0 for ${architecture}, which has no AuxK`;
  return [...problems, { field: 'auxK', expected, found: String(given.auxK), remedy: 'remove it, or write 0' }];
}

/** Of some settings a kind needs one and no more. */
function oneOfProblems(
  architecture: ArchitectureName,
  oneOf: readonly KindSetting[],
  given: GivenKindSettings,
): KindProblem[] {
  const there = oneOf.filter((field) => given[field] !== undefined);
  if (oneOf.length === 0 || there.length === 1) return [];
  const expected = `one of ${oneOf.map((name) => `\`${name}\``).join(' and ')} for ${architecture}`;
  const field = (there[0] ?? oneOf[0]) as KindSetting;
  if (there.length === 0) return [{ field, expected, found: 'none', remedy: `add ${oneOf.join(' or ')}` }];
  return [{ field, expected, found: there.join(' and '), remedy: 'remove one of them' }];
}

function shownValue(value: KindSettings[KindSetting]): string {
  return typeof value === 'object' ? `[${value.join(', ')}]` : String(value);
}

/** @throws InputError where a setting that the kind needs is missing, or one is given that it has no use for */
export function checkKindSettings(settings: Pick<DictionarySettings, 'architecture' | 'auxK'> & KindSettings): void {
  const [problem] = kindProblems(settings.architecture, settings);
  if (problem === undefined) return;
  const { field, expected, found, remedy } = problem;
  throw new InputError(`Expected saes.${field}: ${expected}, found ${found}. ${remedy}.`, { field });
}

export interface TrainingSteps {
  /** Training steps: floor(tokens / batchRows). */
  readonly steps: number;
  readonly schedule: Schedule;
  /** Most features that AuxK revives per row; 0 for none. */
  readonly kAux: number;
  /** Steps done when the calib split is measured: i / 10 of the training for i = 0 … 10 (0: the untrained dictionary). */
  readonly calibSteps: readonly number[];
}

/** The steps of a training. */
export function planSteps(settings: DictionarySettings): TrainingSteps {
  const { tokens, batchRows, lr, warmupSteps, decayFraction, auxK, features } = settings;
  const steps = Math.floor(tokens / batchRows);
  const tenths = Array.from({ length: 11 }, (_, i) => Math.round((steps * i) / 10));
  return {
    steps,
    schedule: { kind: 'trapezoid', lr, steps, warmupSteps, decaySteps: Math.floor(steps * decayFraction) },
    kAux: Math.min(auxK, features),
    calibSteps: [...new Set(tenths)],
  };
}

/** Adam as dictionaries are trained with it: the corrected form, no weight decay. */
export function dictionaryOptimiser({
  betas,
  epsilon,
}: Pick<DictionarySettings, 'betas' | 'epsilon'>): OptimiserSettings {
  return { kind: 'adam', form: 'corrected', betas, epsilon, weightDecay: 0, momentum: 0, nesterov: false };
}
