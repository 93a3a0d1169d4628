// What a step of a dictionary is made for, and what its slices have in common.
import type { DictionarySettings } from '../core/dictionaries/settings.js';
import { planSteps } from '../core/dictionaries/settings.js';
import type { KindSettings } from '../core/dictionaries/architecture.js';
import { type DictionaryShape, parametersOf } from '../core/dictionaries/state.js';
import { wiringOf } from '../core/dictionaries/wirings.js';
import type { ArchitectureName } from '../schemas/dictionaries.js';
import type { EngineConfig } from '../schemas/stored.js';
import { keptPerRow, reconstructionsOf, type SliceSettings } from './slice/settings.js';
import { rulesFor } from './slice/thread-messages.js';

export interface DictionaryStepSettings {
  readonly shape: DictionaryShape;
  readonly architecture: ArchitectureName;
  readonly settings: KindSettings;
  readonly batchRows: number;
  /** Slices; of a cross-layer dictionary: of each layer. */
  readonly slices: number;
  readonly engine: Pick<EngineConfig, 'threads' | 'optimisation'>;
  /** false: all slices in this thread; changes no byte. */
  readonly threads?: false;
  /** How candidates are found in training; default exact. */
  readonly candidates?: 'int8' | undefined;
  /** Null: it is only applied. */
  readonly training: StepTraining | null;
}

export interface StepTraining {
  /** V: mean ‖x − x̄‖² over the scaled fit rows of the sites written. */
  readonly variance: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly clipNorm: number | null;
  readonly moments: 'full' | 'row';
  /** Most features that AuxK revives per row; 0 for none. */
  readonly kAux: number;
  readonly auxWeight: number;
  /** Rows without firing after which a feature is dead. */
  readonly deadAfterTokens: number;
}

/** A training as its settings say. @param variance V of the rows written, scaled */
export function trainingSettings(of: {
  readonly shape: DictionaryShape;
  readonly sae: DictionarySettings & KindSettings;
  readonly engine: DictionaryStepSettings['engine'];
  readonly variance: number;
}): DictionaryStepSettings {
  const { shape, sae, engine, variance } = of;
  const { architecture, batchRows, betas, epsilon, clipNorm, auxWeight, deadAfterTokens } = sae;
  return {
    ...{ shape, architecture, settings: sae, batchRows, slices: sae.slices ?? 1, engine },
    ...(sae.candidates && { candidates: sae.candidates }),
    training: {
      ...{ variance, betas, epsilon, clipNorm, auxWeight, deadAfterTokens },
      moments: sae.moments ?? 'full',
      kAux: planSteps(sae).kAux,
    },
  };
}

/** What all slices of a step share. */
export function commonSettings(step: DictionaryStepSettings): Omit<SliceSettings, 'slice'> {
  const { shape, batchRows, settings, training, architecture, candidates } = step;
  const rules = rulesFor(architecture, training !== null);
  const sizes = { features: shape.features, batchRows, training: training !== null };
  const decoders = new Set(wiringOf(shape).decoders.map(({ name }) => name));
  return {
    ...{ ...rules, settings, batchRows, totalFeatures: shape.features },
    parts: reconstructionsOf(rules.rule, settings, sizes),
    k: keptPerRow(rules.rule, settings),
    kAux: training?.kAux ?? 0,
    quantised: training !== null && candidates === 'int8' && rules.rule.choice === 'rows',
    vectors: featureVectors(shape),
    training: training && {
      ...{ betas: training.betas, epsilon: training.epsilon, moments: training.moments },
      clips: training.clipNorm !== null,
      unitRows: parametersOf(shape).some(({ name, unitRows }) => unitRows && decoders.has(name)),
    },
  };
}

/** Tensors with a number per feature. One that is fixed (θ of a batch's choice) is told with each batch instead. */
function featureVectors(shape: DictionaryShape): string[] {
  const { encoders, decoders, skip } = wiringOf(shape);
  const others = new Set([...encoders, ...decoders].map(({ name }) => name));
  for (const { bias } of decoders) others.add(bias);
  if (skip) others.add(skip.name);
  return parametersOf(shape)
    .filter(({ name, fixed }) => !others.has(name) && !fixed)
    .map(({ name }) => name);
}
