// A stored dictionary applied to rows: what fires, and how far the reconstruction misses. Exact for any width: scores are computed
// block by block and never held for all features.
import type { ArchitectureName } from '../schemas/dictionaries.js';
import type { EngineConfig } from '../schemas/stored.js';
import type { KindSettings } from '../core/dictionaries/architecture.js';
import { type DictionaryShape, parametersOf } from '../core/dictionaries/state.js';
import { slicesToApply } from './slice-count.js';
import { type BatchRows, DictionaryStep, type Inference } from './step.js';
import { writeTensor } from './state.js';

export interface AppliedSettings {
  readonly shape: DictionaryShape;
  readonly architecture: ArchitectureName;
  readonly settings: KindSettings;
  readonly batchRows: number;
  readonly engine: Pick<EngineConfig, 'threads' | 'optimisation'>;
}

/** Rows `from` … `from + count − 1` of a stored tensor. */
export type WeightReader = (tensor: string, from: number, count: number) => Promise<Float32Array>;

export class AppliedDictionary {
  readonly settings: AppliedSettings;
  readonly #step: DictionaryStep;
  /** θ of kinds that choose over a batch in training. */
  readonly #threshold: number | null;

  private constructor(settings: AppliedSettings, step: DictionaryStep, threshold: number | null) {
    this.settings = settings;
    this.#step = step;
    this.#threshold = threshold;
  }

  /** @param read the stored weights, in raw units */
  static async open(settings: AppliedSettings, read: WeightReader): Promise<AppliedDictionary> {
    const { shape } = settings;
    const slices = slicesToApply(shape);
    const step = await DictionaryStep.create({ ...settings, slices, threads: false, training: null });
    let threshold: number | null = null;
    for (const { name, shape: axes, fixed } of parametersOf(shape)) {
      if (fixed) threshold = (await read(name, 0, 1))[0] ?? 0;
      else await writeTensor(step, { name, shape: axes, type: 'float32' }, (from, count) => read(name, from, count));
    }
    return new AppliedDictionary(settings, step, threshold);
  }

  /** What fires on a batch of B rows, by slice, and ‖x_hat − y‖² of each row. */
  apply(batch: BatchRows): Promise<Inference> {
    return this.#step.infer(batch, this.#threshold);
  }

  release(): Promise<void> {
    return this.#step.release();
  }
}
