// A stored dictionary applied to rows: what fires, and how far the reconstruction misses. Exact for any width: scores are computed
// block by block and never held for all features.
import type { ArchitectureName } from '../schemas/dictionaries.js';
import type { EngineConfig } from '../schemas/stored.js';
import type { InputTransform } from '../schemas/taken.js';
import type { KindSettings } from '../core/dictionaries/architecture.js';
import { targetsBesideSkip, transformRows } from '../core/dictionaries/input-rows.js';
import { readWidths, writeWidths } from '../core/dictionaries/sites.js';
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
  /** [write, read], where there is one and the input is transformed. */
  readonly #skip: Float32Array | null;

  private constructor(
    settings: AppliedSettings,
    step: DictionaryStep,
    { threshold, skip }: { readonly threshold: number | null; readonly skip: Float32Array | null },
  ) {
    this.settings = settings;
    this.#step = step;
    this.#threshold = threshold;
    this.#skip = skip;
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
    const beside = settings.settings.inputTransform !== undefined && shape.sites.skip === true;
    const skip = beside ? await read('W_skip', 0, writeWidths(shape.sites)[0] ?? 0) : null;
    return new AppliedDictionary(settings, step, { threshold, skip });
  }

  /** What fires on a batch of B rows, by slice, and ‖x_hat − y‖² of each row. */
  apply(batch: BatchRows): Promise<Inference> {
    const transform = this.settings.settings.inputTransform;
    return transform === undefined
      ? this.#step.infer(batch, this.#threshold)
      : this.#applyTransformed(batch, transform);
  }

  /** A dictionary whose source transformed its input: what is encoded and what it is held against differ from the rows. */
  async #applyTransformed({ reads, writes }: BatchRows, transform: InputTransform): Promise<Inference> {
    const { sites } = this.settings.shape;
    const [read = 0, write = 0] = [readWidths(sites)[0], writeWidths(sites)[0]];
    const [x, y] = [reads[0] as Float32Array, writes[0] as Float32Array];
    const rows = transformRows(transform, x, read);
    if (sites.reads[0] !== sites.writes[0]) {
      const beside = { x, read: rows.read, y };
      const target = this.#skip ? targetsBesideSkip(beside, this.#skip, { read, write }) : y;
      return this.#step.infer({ reads: [rows.read], writes: [target] }, this.#threshold);
    }
    const { firing, squares } = await this.#step.infer({ reads: [rows.read], writes: [rows.target] }, this.#threshold);
    return { firing, squares: squares.map((square, row) => square * (rows.factors[row] as number) ** 2) };
  }

  release(): Promise<void> {
    return this.#step.release();
  }
}
