// `sae bench` from its settings to its document: builds the generator, trains one dictionary on it, measures it against the truth.
import { sha256Hex } from '../../core/identity/digest.js';
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { kindSettings } from '../../core/dictionaries/architecture.js';
import { planSteps } from '../../core/dictionaries/settings.js';
import { cpuClass } from '../../runtime/devices.js';
import { createMultiplier } from '../../runtime/multiply.js';
import { ORT_VERSION } from '../../runtime/session.js';
import type { z } from 'zod';
import type { saeBenchDocument } from '../../schemas/documents/bench.js';
import { type Measures, measureDictionary } from './measure.js';
import { PUBLISHED, PUBLISHED_SAMPLES } from './published.js';
import type { BenchSettings } from './settings.js';
import { buildSource } from './source.js';
import { type TrainedDictionary, trainOnSource } from './train.js';

export type BenchDocument = z.infer<typeof saeBenchDocument>;

export interface BenchRun {
  readonly settings: BenchSettings;
  readonly threads: number;
  /** Folder for what is kept between benches. */
  readonly folder: string;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The document without results: what would be done. */
export function planBench({ settings, threads }: Pick<BenchRun, 'settings' | 'threads'>): BenchDocument {
  const { generator, sae, testRows } = settings;
  const { name, settings: of } = generator;
  const { features: trueFeatures, width, seed } = of;
  const steps = planSteps(sae).steps;
  return {
    generator: { name, features: trueFeatures, width, seed, digest: null },
    dictionary: {
      ...{ architecture: sae.architecture, features: sae.features, settings: kindNumbers(settings) },
      ...{ lr: sae.lr, seed: sae.seed },
    },
    budget: { samples: steps * sae.batchRows, steps, batchRows: sae.batchRows, testSamples: testRows, threads },
    memoryBytes: memoryOf(settings),
    dryRun: true,
    results: null,
    published: publishedFor(settings),
  };
}

/** Does it. @throws the signal's reason, once it is aborted */
export async function runBench(run: BenchRun): Promise<BenchDocument> {
  const { settings, threads, folder, progress, signal } = run;
  const { generator, sae } = settings;
  const engine = { provider: 'cpu', threads, optimisation: 'all' } as const;
  const multiplier = await createMultiplier(engine);
  const { multiply } = multiplier;
  try {
    const source = await buildSource({ generator, multiply, folder, signal, say: progress });
    const dictionary = await trainOnSource({
      ...{ source, sae, engine: { ...engine, ort: ORT_VERSION }, calibRows: settings.calibRows, signal },
      progress: ({ step, steps, fvu }) => {
        progress(`step ${step}/${steps}${fvu === null ? '' : `  fvu ${fvu.toFixed(4)}`}`);
      },
    });
    const measures = await measureDictionary({
      ...{ source, dictionary, sae, engine, multiply, rows: settings.testRows, progress, signal },
      signless: generator.name !== 'toy',
    });
    const plan = planBench(run);
    const { data } = source.directions;
    return {
      ...plan,
      generator: {
        ...plan.generator,
        digest: sha256Hex(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      },
      dryRun: false,
      results: { ...resultsOf(measures, dictionary, settings), ort: ORT_VERSION, cpu: await cpuClass() },
    };
  } finally {
    await multiplier.release();
  }
}

function resultsOf(
  measures: Measures,
  { deadFraction, drawMs, trainMs }: TrainedDictionary,
  { sae: { features } }: BenchSettings,
): Omit<NonNullable<BenchDocument['results']>, 'ort' | 'cpu'> {
  const { matching, duplicates, best, assigned } = measures;
  return {
    mcc: matching.mcc,
    shared: matching.shared,
    uniqueness: matching.uniqueness,
    ...{ f1: best.f1, precision: best.precision, recall: best.recall, f1Assigned: assigned.f1 },
    ...{ explainedVariance: measures.explainedVariance, l0: measures.l0, trueL0: measures.trueL0 },
    silent: measures.silent / features,
    deadTraining: deadFraction,
    duplicates: duplicates.share,
    ...{ drawSeconds: drawMs / 1000, trainSeconds: trainMs / 1000 },
  };
}

function kindNumbers({ sae }: BenchSettings): BenchDocument['dictionary']['settings'] {
  return Object.fromEntries(
    Object.entries(kindSettings(sae)).flatMap(([name, value]) =>
      // A transform of what is read belongs to dictionaries that were taken from elsewhere.
      value === undefined || typeof value === 'string' ? [] : [[name, typeof value === 'number' ? value : [...value]]],
    ),
  );
}

/** Published results of the same generator and number of features; none where either differs. */
function publishedFor({ generator, sae }: BenchSettings): BenchDocument['published'] {
  const { name, settings } = generator;
  const same = name === 'synth-16k' && settings.features === 16_384 && settings.width === 768 && sae.features === 4096;
  if (!same) return [];
  return PUBLISHED.map((result) => ({ ...result, samples: PUBLISHED_SAMPLES }));
}

/** Weights with gradients and moments, the step's widest tensor, true directions and the matrix of similarities. */
function memoryOf({ generator, sae }: BenchSettings): number {
  const { features: trueFeatures, width } = generator.settings;
  const weights = 2 * sae.features * width * 4;
  const capacity = ARCHITECTURES[sae.architecture].expectedFirings(sae, sae.features);
  const step = sae.batchRows * (3 * sae.features + 4 * width + 4 * capacity) * 4;
  const truth = trueFeatures * width * 4;
  return 8 * weights + Math.max(step, 5 * truth, 2 * sae.features * trueFeatures * 4) + truth + 200e6;
}
