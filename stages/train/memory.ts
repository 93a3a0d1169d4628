// How much memory a training takes, by what its steps lay out, and the refusal of one that a child has no room for, before a row is read.
//   bytes = BASE + Σ dictionaries (dictionaries/step-memory.ts) + (S + C)·Σw·v
// S rows of a super-buffer, C of the calib split, w width of a site, v bytes of a value.
import type { DictionarySettings } from '../../core/dictionaries/settings.js';
import type { KindSettings } from '../../core/dictionaries/architecture.js';
import { totalFeatures } from '../../core/dictionaries/sites.js';
import type { DictionaryShape } from '../../core/dictionaries/state.js';
import { bytesOfStep, largestThatFits } from '../../dictionaries/step-memory.js';
import { trainingSettings } from '../../dictionaries/step-settings.js';
import { ResourceError } from '../../schemas/errors.js';
import type { EngineConfig } from '../../schemas/stored.js';

/** Node, ONNX Runtime and what else a compute child is made of. */
export const CHILD_BYTES = 200 * 2 ** 20;
const SUPERBUFFER_ROWS = 64 * 4096;
const CALIB_ROWS = 65_536;

/** A dictionary in training: its sizes and settings. */
export interface Trained {
  readonly name: string;
  readonly shape: DictionaryShape;
  readonly sae: DictionarySettings & KindSettings;
  readonly engine: EngineConfig;
  readonly dtype: 'float16' | 'float32';
}

/** Bytes of a child that trains these dictionaries side by side, over the same rows; on a processor. */
export function trainingBytes(trained: readonly Trained[]): number {
  return trained.reduce((sum, own) => sum + bytesOfStep(stepOf(own)), CHILD_BYTES + bytesOfRows(trained));
}

/** The most features of one of them with which all of them fit; 0 where it cannot be. */
export function mostFeatures(trained: readonly Trained[], one: Trained, limitBytes: number): number {
  const left = limitBytes - trainingBytes(trained) + bytesOfStep(stepOf(one));
  const layers = totalFeatures(1, one.shape.sites);
  return largestThatFits(left, (features) => {
    const slices = one.sae.slices ?? 1;
    const shape = { ...one.shape, features: Math.ceil(features / slices) * slices * layers };
    return stepOf({ ...one, shape });
  });
}

/** @throws ResourceError where they need more than a child may have */
export function refuseTooLarge(trained: readonly Trained[], limitBytes: number | undefined): void {
  const [first] = trained;
  // What the graph lays out is ONNX Runtime's matter.
  const byGraph = first?.engine.provider !== 'cpu' || trained.some(({ shape }) => shape.sites.routed !== undefined);
  if (!first || limitBytes === undefined || byGraph) return;
  const bytes = trainingBytes(trained);
  if (bytes <= limitBytes) return;
  const widest = trained.reduce((a, b) => (bytesOfStep(stepOf(b)) > bytesOfStep(stepOf(a)) ? b : a));
  const most = mostFeatures(trained, widest, limitBytes);
  const others = trained.length > 1 ? ` beside ${trained.length - 1} more` : '';
  throw new ResourceError(
    `Expected a training that fits the ${megabytes(limitBytes)} MB of a compute child, found that "${widest.name}" of ${widest.sae.features} features${others} needs ${megabytes(bytes)} MB. ${largestText(most)} Give the worker a larger --memory or fewer --slots, or lower saes.features or saes.batchRows${trained.length > 1 ? ', or train them in runs of their own' : ''}.`,
    { dictionary: widest.name, features: widest.sae.features, bytes, limit: limitBytes, most },
  );
}

/** What people are told of the most features that fit. */
export function largestText(features: number): string {
  return features > 0
    ? `The largest that fits has ${features.toLocaleString('en')} features.`
    : 'No number of features fits beside the rows.';
}

function stepOf({ shape, sae, engine }: Trained): ReturnType<typeof trainingSettings> {
  return trainingSettings({ shape, sae, engine, variance: 1 });
}

function bytesOfRows([first]: readonly Trained[]): number {
  const width = (first?.shape.sites.widths ?? []).reduce((sum, own) => sum + own, 0);
  return (SUPERBUFFER_ROWS + CALIB_ROWS) * width * (first?.dtype === 'float16' ? 2 : 4);
}

function megabytes(bytes: number): string {
  return String(Math.ceil(bytes / 2 ** 20));
}
