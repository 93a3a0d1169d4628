// What `sae bench` is asked for, with every default filled in: the generator, the dictionary, the budget. Pure.
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { KIND_SETTINGS, type KindSettings } from '../../core/dictionaries/architecture.js';
import { dictionaryProblems } from '../../core/dictionaries/problems.js';
import { completeSettings } from '../../core/dictionaries/settings.js';
import { type SynthBenchSettings, synthBenchOf } from '../../organisms/synthetic/bench/settings.js';
import { TOY, type ToySettings } from '../../organisms/synthetic/toy/train.js';
import { ARCHITECTURE_NAMES, type ArchitectureName, type StoredSettings } from '../../schemas/dictionaries.js';
import { InputError } from '../../schemas/errors.js';

/** What the command line gives; undefined asks for the default. */
export interface BenchRequest {
  readonly generator: 'synth-16k' | 'toy';
  readonly architecture: string;
  readonly features?: number | undefined;
  /** Settings that only some kinds use, by name. */
  readonly kind: KindSettings;
  readonly samples?: number | undefined;
  readonly testSamples?: number | undefined;
  readonly seed?: number | undefined;
  readonly lr?: number | undefined;
  readonly trueFeatures?: number | undefined;
  readonly width?: number | undefined;
}

export type Generator =
  | { readonly name: 'synth-16k'; readonly settings: SynthBenchSettings }
  | { readonly name: 'toy'; readonly settings: ToySettings };

export interface BenchSettings {
  readonly generator: Generator;
  readonly sae: StoredSettings;
  /** Rows that the numbers are measured on. */
  readonly testRows: number;
  /** Rows that scale, mean and variance, and thresholds, are fitted to. */
  readonly calibRows: number;
}

const BATCH_ROWS = 1024;
/** Of the published recipe: 4,096 features, 25 per row, at lr 3e-4 without warm-up or decay. */
const PUBLISHED = { features: 4096, k: 25, lr: 3e-4 };
const TOY_DEFAULTS = { features: TOY.features, k: 2, samples: 500_000, lr: 3e-3 };
/** SAELens counts a feature as dead after 1,000 batches without a firing. */
const DEAD_AFTER_BATCHES = 1000;

/** @throws InputError where something is asked for that does not exist or does not fit */
export function benchSettings(request: BenchRequest): BenchSettings {
  const architecture = architectureOf(request.architecture);
  const toy = request.generator === 'toy';
  const generator = generatorOf(request);
  const { width } = generator.settings;
  const samples = request.samples ?? (toy ? TOY_DEFAULTS.samples : 1_000_000);
  const features = request.features ?? (toy ? TOY_DEFAULTS.features : PUBLISHED.features);
  const kind = kindOf(architecture, request.kind, toy ? TOY_DEFAULTS.k : PUBLISHED.k);
  if (samples < BATCH_ROWS)
    throw new InputError(`Expected at least ${BATCH_ROWS} samples (one batch), got ${samples}. Raise --samples.`, {
      samples,
    });
  checkKind(architecture, features, kind);
  const sae = completeSettings(
    {
      ...{ architecture, features, ...kind, tokens: samples, batchRows: BATCH_ROWS },
      ...{ lr: request.lr ?? (toy ? TOY_DEFAULTS.lr : PUBLISHED.lr), warmupSteps: 0, decayFraction: 0 },
      ...{ betas: null, epsilon: 1e-8, clipNorm: null, auxK: null, auxWeight: 1 / 32 },
      ...{ deadAfterTokens: DEAD_AFTER_BATCHES * BATCH_ROWS, logEverySteps: 50, seed: request.seed ?? 0 },
    },
    width,
  );
  return { generator, sae, testRows: request.testSamples ?? 100_000, calibRows: 16_384 };
}

function architectureOf(name: string): ArchitectureName {
  const known = ARCHITECTURE_NAMES.find((one) => one === name);
  if (known !== undefined) return known;
  throw new InputError(
    `Expected an architecture among ${ARCHITECTURE_NAMES.join(', ')}, got "${name}" in --architecture.`,
    { name },
  );
}

function generatorOf({ generator: name, trueFeatures: features, width }: BenchRequest): Generator {
  if (name === 'synth-16k') return { name, settings: synthBenchOf({ features, width }) };
  return { name, settings: { ...TOY, features: features ?? TOY.features, width: width ?? TOY.width } };
}

/** The settings of the kind: those given, and k where the kind takes it and none was given. */
function kindOf(architecture: ArchitectureName, given: KindSettings, k: number): KindSettings {
  const asked = KIND_SETTINGS.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]] as const]));
  const takesK = ARCHITECTURES[architecture].uses.includes('k');
  return { ...(takesK && { k }), ...Object.fromEntries(asked) };
}

/** @throws InputError where the kind cannot have these settings */
function checkKind(architecture: ArchitectureName, features: number, kind: KindSettings): void {
  const [problem] = dictionaryProblems({ architecture, features, ...kind }, null);
  if (problem === undefined) return;
  const { field, expected, found, remedy } = problem;
  throw new InputError(`Expected --${field}: ${expected}, got ${found}. ${remedy}.`, { field });
}
