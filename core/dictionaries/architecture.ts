// What a kind of dictionary must state so that the shared parts (training step, optimiser, AuxK, inference, storage) can serve
// it. One file per kind implements this and `architectures.ts` lists it; nothing else asks which kind it has.
//
//   parameters   name, shape, value before the first step, unit in which it folds to raw units
//   forward      reads, writes, parameters → z, f, e = x_hat − x
//   loss         squares / (B V) + sparsity; AuxK is added to it where the kind has it
//   inference    as forward, over stored parameters
// Which sites it reads and writes, and how, is no matter of the kind: wirings.ts.
// Gradients are core/autodiff's over forward and loss. A forward may bring a cheaper backward by hand, which must give the same
// numbers: tests/unit/core/dictionaries/derivatives.test.ts compares the two.
import type { z } from 'zod';
import { kindFields } from '../../schemas/dictionaries.js';
import { InputError } from '../../schemas/errors.js';
import type { NamedValues } from '../onnx/named-value.js';
import type { Value } from '../onnx/shape.js';
import type { TrainedParameter } from '../optimise/state.js';
import type { Selection } from './rows.js';
import type { DictionarySites, WiringName } from './sites.js';
import type { Tape } from './tape.js';
import type { Unit } from './units.js';

/** Settings of the run file that only some kinds use. */
export type KindSetting = keyof typeof kindFields;
export const KIND_SETTINGS = Object.keys(kindFields) as readonly KindSetting[];
type KindValues = { readonly [Setting in KindSetting]: z.infer<(typeof kindFields)[Setting]> };
export type KindSettings = { readonly [Setting in KindSetting]?: KindValues[Setting] | undefined };

/** Of all settings, those that only some kinds use. */
export function kindSettings(settings: KindSettings): KindSettings {
  return Object.fromEntries(
    KIND_SETTINGS.flatMap((name) => (settings[name] === undefined ? [] : [[name, settings[name]]])),
  );
}

/** A setting that the kind uses. @throws InputError where it is missing */
export function settingOf<Name extends KindSetting>(
  settings: KindSettings,
  name: Name,
): Exclude<KindValues[Name], undefined> {
  const value = settings[name];
  if (value !== undefined) return value as Exclude<KindValues[Name], undefined>;
  throw new InputError(
    `Expected a setting "${name}" for this kind of dictionary, found none. Give the dictionary \`${name}\`.`,
    { setting: name },
  );
}

/** Sites d and features F, of all layers together. */
export interface DictionarySizes {
  readonly sites: DictionarySites;
  readonly features: number;
}

/** What parameters may begin from. */
export interface Start {
  /** Rows of features in random directions of unit norm [count, width]; the same for equal widths. */
  readonly directions: (width: number, rows: RowRange) => Float32Array;
  /** x̄ of the scaled fit rows of each site read. */
  readonly readMeans: readonly Float64Array[];
  /** x̄ of the scaled fit rows of each site written. */
  readonly writeMeans: readonly Float64Array[];
  readonly settings: KindSettings;
}

/** Some rows of a tensor. */
export interface RowRange {
  readonly from: number;
  readonly count: number;
}

/** A stored tensor. It has a gradient and moments, unless it is fixed. */
export interface Parameter extends TrainedParameter {
  /** Some of its rows before the first step, row-major. */
  readonly initial: (start: Start, rows: RowRange) => Float32Array;
  readonly unit: Unit;
  /**
   * Whether its rows are kept at unit norm, with the parallel part of their gradient removed. Of several such tensors the rows of
   * one feature together have norm 1.
   */
  readonly unitRows: boolean;
  /** Not moved by steps: set from the calib split whenever it is measured, and stored (`threshold` of batchtopk). */
  readonly fixed?: true;
}

/** What a step, or an inference, works on. */
export interface StepInputs extends DictionarySizes {
  /** Rows per batch, B. */
  readonly batchRows: number;
  /** Rows of each site read [B, d]: scaled in training, raw at inference. */
  readonly reads: readonly Value[];
  /** Rows of each site written [B, d]: what is to be reconstructed. */
  readonly writes: readonly Value[];
  readonly parameters: NamedValues;
  readonly settings: KindSettings;
}

export interface Forward {
  /** Before the activation rule [B, F]; what AuxK chooses from. */
  readonly z: Value;
  readonly f: Selection;
  /** e = x_hat − x of each site written [B, d]. */
  readonly errors: readonly Value[];
  /** Gradients by hand; null: by core/autodiff. */
  readonly backward: ((request: BackwardRequest) => LossGradients) | null;
}

/** AuxK: at most `k` dead features per row revived; enters the loss with `weight`. */
export interface AuxSettings {
  readonly k: number;
  readonly weight: number;
}

export interface BackwardRequest {
  /** [F] bool: dead before this step. */
  readonly dead: Value;
  /** Null without AuxK. */
  readonly aux: AuxSettings | null;
  /** V: mean ‖x − x̄‖² over the scaled fit rows of the sites written. */
  readonly variance: number;
}

export interface LossGradients {
  /** ∂loss/∂p by parameter. */
  readonly parameters: NamedValues;
  /** The auxiliary loss, unweighted, a scalar. */
  readonly aux: Value;
}

export interface LossInputs {
  readonly inputs: StepInputs;
  readonly forward: Forward;
  /** Σ‖e‖² over rows and sites written, a scalar. */
  readonly squaredError: Value;
  /** V: mean ‖x − x̄‖² over the scaled fit rows of the sites written. */
  readonly variance: number;
}

export interface Loss {
  /** The reconstruction term is this scalar divided by B V. */
  readonly squares: Value;
  /** What the kind adds, a scalar; null where selection alone makes f sparse. */
  readonly sparsity: Value | null;
}

export interface Architecture {
  /** The settings that it needs. */
  readonly uses: readonly KindSetting[];
  /** Settings of which it needs exactly one. */
  readonly oneOf?: readonly KindSetting[];
  /** Settings that it has a default for. All that it neither needs nor takes are refused. */
  readonly takes?: readonly KindSetting[];
  /** Defaults of the settings that it takes. */
  readonly defaults?: (sizes: Pick<DictionarySizes, 'features'>) => KindSettings;
  /** Adam's decay rates where none are given. */
  readonly betas: readonly [number, number];
  /** Whether it encodes x − b_dec where it reads the site that it writes. */
  readonly centres: boolean;
  /** Wirings that it cannot have. */
  readonly lacks?: readonly WiringName[];
  /** Whether f is a choice of the largest, so that candidates for it can be proposed cheaply. */
  readonly selects: boolean;
  readonly parameters: (sizes: DictionarySizes) => readonly Parameter[];
  /** Features that fire per row as far as it is known before training: for estimates and first allocations alone. */
  readonly expectedFirings: (settings: KindSettings, features: number) => number;
  /** Whether AuxK revives its dead features. */
  readonly revives: boolean;
  /** The forward pass in training. */
  readonly buildForward: (tape: Tape, inputs: StepInputs) => Forward;
  readonly buildLoss: (tape: Tape, of: LossInputs) => Loss;
  /** The forward pass over stored parameters: training's own, or a stored threshold where training selects over a batch. */
  readonly buildInference: (tape: Tape, inputs: StepInputs) => Forward;
}
