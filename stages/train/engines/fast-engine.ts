// Training by the fast step (dictionaries/step.ts), on the processor.
import type { Start } from '../../../core/dictionaries/architecture.js';
import { startOf } from '../../../core/dictionaries/initialise.js';
import { planSteps } from '../../../core/dictionaries/settings.js';
import { targetWidth } from '../../../core/dictionaries/sites.js';
import { fixedOf, trainedOf } from '../../../core/dictionaries/state.js';
import { learningRate } from '../../../core/optimise/schedule.js';
import { FIRED_STEP } from '../../../dictionaries/slice/tensors.js';
import {
  readTensor,
  type StateTensorInfo as StateTensorOfStep,
  stateTensorsOf,
  writeTensor,
  writeTogether,
} from '../../../dictionaries/state.js';
import { trainingSettings } from '../../../dictionaries/step-settings.js';
import { DictionaryStep, type BatchRows, type StepNumbers } from '../../../dictionaries/step.js';
import type { CandidateRecall } from '../../../dictionaries/recall.js';
import { batchThresholdOf } from '../../../dictionaries/threshold.js';
import type { StoredRows } from '../row-file.js';
import { addTargets, calibBatch, calibBatches } from './calib.js';
import { reachOf } from './reach.js';
import type {
  CalibSums,
  EngineParts,
  Reach,
  StateReader,
  StateTensorInfo,
  StateValues,
  StepRange,
  StepTold,
  TrainingEngine,
} from './engine.js';

/** Counters of candidates in 8 bits, int64 [6] (dictionaries/recall.ts). */
const RECALL = 'candidate_recall';

export class FastEngine implements TrainingEngine {
  readonly tensors: readonly StateTensorInfo[];
  readonly #parts: EngineParts;
  readonly #step: DictionaryStep;
  /** θ of kinds that choose over a batch; 0 until calib is measured. */
  readonly #fixed: ReadonlyMap<string, Float32Array>;

  private constructor(parts: EngineParts, step: DictionaryStep) {
    const { shape, sae } = parts;
    this.#parts = parts;
    this.#step = step;
    const fixed = fixedOf(shape);
    this.#fixed = new Map(fixed.map(({ name, shape: axes }) => [name, new Float32Array(sizeOf(axes))]));
    this.tensors = [
      ...stateTensorsOf(shape, { betas: sae.betas, moments: sae.moments ?? 'full' }),
      ...fixed.map(({ name, shape: axes }) => ({ name, shape: axes, type: 'float32' as const })),
      ...(step.recall ? [{ name: RECALL, shape: [step.recall.state.length], type: 'int64' as const }] : []),
    ];
  }

  static async create(parts: EngineParts): Promise<FastEngine> {
    const step = await DictionaryStep.create(trainingSettings(parts));
    return new FastEngine(parts, step);
  }

  begin(): Promise<void> {
    const start = this.#start();
    this.#step.recall?.begin();
    const parameters = new Map(trainedOf(this.#parts.shape).map((own) => [own.name, own]));
    return this.loadParameters(
      (name, from, count) => parameters.get(name)?.initial(start, { from, count }) ?? new Float32Array(0),
    );
  }

  /** What first values are made from. */
  #start(): Start {
    const { shape, sae, means, firstFeature = 0 } = this.#parts;
    return startOf({ sites: shape.sites, settings: sae, seed: sae.seed, means, firstFeature });
  }

  /** Sets what steps move, and nothing else of the state. @param rows rows of a tensor by name */
  async loadParameters(rows: (name: string, from: number, count: number) => Float32Array): Promise<void> {
    const byShape = new Map<string, StateTensorOfStep[]>();
    for (const { name, shape } of trainedOf(this.#parts.shape)) {
      const same = byShape.get(shape.join()) ?? [];
      byShape.set(shape.join(), [...same, { name, shape, type: 'float32' }]);
    }
    for (const tensors of byShape.values())
      await writeTogether(this.#step, tensors, ({ name }, from, count) => rows(name, from, count));
  }

  /** Sets a counter of features [F]. */
  async setCounter(name: string, values: Int32Array): Promise<void> {
    await writeTensor(this.#step, { name, shape: [values.length], type: 'int32' }, (from, count) =>
      Promise.resolve(values.slice(from, from + count)),
    );
  }

  /** Bytes that cross between slices and what joins them in one step. */
  get exchangedBytes(): number {
    return this.#step.exchangedBytes;
  }

  /** What was set from calib. */
  fixed(name: string): Float32Array {
    return (this.#fixed.get(name) ?? new Float32Array(0)).slice();
  }

  async load(read: StateReader): Promise<void> {
    for (const tensor of this.tensors) {
      const fixed = this.#fixed.get(tensor.name);
      if (fixed) fixed.set((await read(tensor, 0, tensor.shape[0] ?? 0)) as Float32Array);
      else if (tensor.name === RECALL)
        this.#step.recall?.state.set((await read(tensor, 0, tensor.shape[0] ?? 0)) as BigInt64Array);
      else
        await writeTensor(
          this.#step,
          { ...tensor, type: tensor.type === 'int32' ? 'int32' : 'float32' },
          (from, count) => read(tensor, from, count) as Promise<Float32Array | Int32Array>,
        );
    }
  }

  async *read(tensor: StateTensorInfo): AsyncGenerator<StateValues> {
    const fixed = this.#fixed.get(tensor.name);
    if (fixed) yield fixed.slice();
    else if (tensor.name === RECALL) yield this.#step.recall?.state.slice() ?? new BigInt64Array(0);
    else yield* readTensor(this.#step, { ...tensor, type: tensor.type === 'int32' ? 'int32' : 'float32' });
  }

  async train(rows: readonly Float32Array[], { from, count }: StepRange): Promise<StepTold[]> {
    const { sae } = this.#parts;
    const { schedule, steps } = planSteps(sae);
    const told: StepTold[] = [];
    for (let i = 0; i < count; i++) {
      const step = from + i;
      const batch = this.#batch(rows, i);
      const numbers = await this.#step.train(batch, { step, lr: learningRate(schedule, step) });
      if (![numbers.loss, numbers.gradientSquares].every(Number.isFinite)) return told;
      const logged = (step + 1) % sae.logEverySteps === 0 || step + 1 === steps;
      told.push(this.#told(numbers, logged));
    }
    return told;
  }

  /** @param logged the batch's spread is only summed where somebody reads it */
  #told({ loss, sse, firings, dead, gradientSquares }: StepNumbers, logged: boolean): StepTold {
    const spread = logged ? this.#step.joint.targetSpread() : NaN;
    const fvu = sse / spread;
    return {
      ...{ loss, dead, l0: firings / this.#parts.sae.batchRows },
      fvu: Number.isFinite(fvu) ? fvu : null,
      gradNorm: Math.sqrt(gradientSquares),
    };
  }

  /** Rows of step i of a chunk. */
  #batch(rows: readonly Float32Array[], i: number): BatchRows {
    const { sites } = this.#parts.shape;
    const { batchRows } = this.#parts.sae;
    const at = (place: number): Float32Array => {
      const size = batchRows * (sites.widths[place] as number);
      return (rows[place] as Float32Array).subarray(i * size, (i + 1) * size);
    };
    return { reads: sites.reads.map(at), writes: sites.writes.map(at) };
  }

  async measure(calib: StoredRows): Promise<CalibSums> {
    const { shape, sae } = this.#parts;
    const { sites } = shape;
    const theta = this.#fixed.get('threshold');
    if (theta) theta[0] = await this.#threshold(calib);
    const sums = { rows: calib.rows, errSq: 0, xSq: 0, sumX: new Float64Array(targetWidth(sites)), firings: 0 };
    for (const { sites: rows, count } of calibBatches(calib, {
      batchRows: sae.batchRows,
      scales: this.#parts.scales,
    })) {
      const { firing, squares } = await this.#step.infer(this.#batch(rows, 0), theta?.[0] ?? null);
      for (let i = 0; i < count; i++) sums.errSq += squares[i] as number;
      for (const { offsets, value } of firing)
        for (let p = 0; p < (offsets[count] as number); p++) if ((value[p] as number) > 0) sums.firings++;
      const written = sites.writes.map((place) => ({
        rows: rows[place] as Float32Array,
        width: sites.widths[place] as number,
      }));
      addTargets(sums, written, count);
    }
    return sums;
  }

  /** θ above which k features fire per calib row on average, with the weights of now. */
  #threshold(calib: StoredRows): Promise<number> {
    const { sae, scales } = this.#parts;
    const { batchRows } = sae;
    const use = <T>(index: number, run: (rows: BatchRows, count: number) => Promise<T>): Promise<T> => {
      const { sites, count } = calibBatch(calib, index, { batchRows, scales });
      return run(this.#batch(sites, 0), count);
    };
    const batches = {
      count: Math.ceil(calib.rows / batchRows),
      largest: (index: number) => use(index, (rows, count) => this.#step.largestScores(rows, count)),
      above: (index: number, from: number) => use(index, (rows, count) => this.#step.scoresAbove(rows, from, count)),
    };
    return batchThresholdOf(batches, calib.rows * (sae.k ?? 1));
  }

  async countDead(step: number): Promise<number> {
    const { shape, sae } = this.#parts;
    const limit = step - sae.deadAfterTokens / sae.batchRows;
    let dead = 0;
    const fired = { name: FIRED_STEP, shape: [shape.features], type: 'int32' as const };
    for await (const steps of readTensor(this.#step, fired))
      for (const last of steps as Int32Array) if (last + 1 <= limit) dead++;
    return dead;
  }

  get recall(): CandidateRecall | null {
    return this.#step.recall?.told ?? null;
  }

  reach(): Promise<Reach> {
    const { shape } = this.#parts;
    return reachOf(this.#step, trainedOf(shape), this.#start());
  }

  release(): Promise<void> {
    return this.#step.release();
  }
}

function sizeOf(axes: readonly number[]): number {
  return axes.reduce((a, b) => a * b, 1);
}
