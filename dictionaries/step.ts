// The fast training step of a dictionary: only the encoder product is dense; decoding, gradients and the optimiser touch what fired.
// Slices of features are worked on apart and joined in their order (slice/link.ts, joint.ts). The kind is a rule
// (core/dictionaries/fast); the same step differentiated as a graph is core/dictionaries/step-graph.ts.
//
//   loss = rec + sparsity + auxWeight · aux,  rec = squares / (B V)
//   clipping: all gradients after projection by min(1, c / ‖g‖);  Adam: core/optimise/optimisers/adam.ts, corrected form
import type { FastRule } from '../core/dictionaries/fast/rule.js';
import { planSlices, type SlicePlan } from '../core/dictionaries/slices.js';
import { wiringOf } from '../core/dictionaries/wirings.js';
import { Joint } from './joint.js';
import { Products } from './products.js';
import { type Exchange, makeExchange } from './slice/exchange.js';
import { InlineSlice, type SliceLink } from './slice/link.js';
import type { Firing } from './slice/firing.js';
import type { LargestScores } from './slice/largest.js';
import { largestValue } from './slice/largest.js';
import { multipliesExactly, MOST_WIDTH } from './integer-product.js';
import { countFound, Recall } from './recall.js';
import { rowsToMeasure } from './slice/measured-rows.js';
import { type SliceSettings, keptPerRow } from './slice/settings.js';
import { type ThreadedSlices, startThreads } from './slice/threads.js';
import { RowMerger } from './row-merger.js';
import { commonSettings, type DictionaryStepSettings, type StepTraining } from './step-settings.js';

/** What a step tells. */
export interface StepNumbers {
  readonly loss: number;
  readonly sse: number;
  readonly squares: number;
  readonly sparsity: number;
  readonly aux: number;
  readonly firings: number;
  /** Features dead before the step. */
  readonly dead: number;
  /** Σ of squared gradients after projection, before clipping. */
  readonly gradientSquares: number;
}

/** What a batch gives in inference. */
export interface Inference {
  /** By slice. */
  readonly firing: readonly Firing[];
  /** ‖x_hat − y‖² [B] */
  readonly squares: Float64Array;
}

/** Rows of one batch, by site read and by site written, scaled: [B, d]. */
export interface BatchRows {
  readonly reads: readonly Float32Array[];
  readonly writes: readonly Float32Array[];
}

export class DictionaryStep {
  readonly settings: DictionaryStepSettings;
  readonly plan: SlicePlan;
  readonly joint: Joint;
  /** Of candidates in 8 bits; null where they are exact from the first step on. */
  readonly recall: Recall | null;
  readonly links: readonly SliceLink[];
  readonly #products: Products;
  readonly #rules: { readonly rule: FastRule; readonly infers: FastRule };
  readonly #merger: RowMerger | null;
  readonly #auxMerger: RowMerger | null;
  readonly #inputs: Float32Array;
  readonly #threads: ThreadedSlices | null;
  /** Whether products of bytes are exact here. */
  #multiplies = false;

  private constructor(settings: DictionaryStepSettings, products: Products) {
    const { shape, batchRows } = settings;
    this.settings = settings;
    this.plan = planSlices(shape, settings.slices);
    this.#products = products;
    const common = commonSettings(settings);
    const { parts } = common;
    this.#rules = common;
    this.recall = common.quantised ? new Recall() : null;
    const slices = this.#exchanges(common);
    this.#inputs = (slices[0] as (typeof slices)[number]).exchange.inputs;
    const { architecture, engine } = settings;
    this.#threads = this.#threaded ? startThreads({ architecture, engine, slices }) : null;
    this.links = this.#threads?.links ?? slices.map((own) => new InlineSlice(own.settings, own.exchange, products));
    const { length } = this.links;
    this.#merger = this.#rules.rule.choice === 'rows' ? new RowMerger(length, batchRows, common.k) : null;
    this.#auxMerger = common.kAux > 0 ? new RowMerger(length, batchRows, common.kAux) : null;
    this.joint = new Joint({
      ...{ plan: this.plan, batchRows, training: common.training },
      prefixes: parts.ends.length,
      frozen: this.#rules.rule.choice === 'above' && parts.lines > batchRows,
      auxRows: common.kAux > 0 ? batchRows : 0,
      centred: shape.kind.centres && wiringOf(shape).mayCentre,
      skip: wiringOf(shape).skip !== null,
    });
  }

  /** Several slices have threads of their own; one has the session's. */
  get #threaded(): boolean {
    return this.settings.threads !== false && this.plan.slices.length > 1;
  }

  #exchanges(
    common: Omit<SliceSettings, 'slice'>,
  ): { readonly settings: SliceSettings; readonly exchange: Exchange }[] {
    const readWidth = this.plan.reads.stride;
    const bytes = 4 * common.batchRows * readWidth;
    const inputs = new Float32Array(this.#threaded ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    return this.plan.slices.map((slice) => {
      const settings = { ...common, slice };
      return {
        settings,
        exchange: makeExchange(settings, { inputs, readWidth }, this.#threaded),
      };
    });
  }

  /** @param proves whether products of bytes are exact on this processor; asked where candidates are proposed by them */
  static async create(settings: DictionaryStepSettings, proves = multipliesExactly): Promise<DictionaryStep> {
    const { quantised } = commonSettings(settings);
    const products = await Products.create(settings.engine, quantised);
    const step = new DictionaryStep(settings, products);
    const { integer } = products;
    if (integer && step.plan.reads.stride <= MOST_WIDTH) step.#multiplies = await proves((of) => integer.multiply(of));
    return step;
  }

  /**
   * One step on one batch. @param step from 0
   * @param lr its learning rate
   */
  async train(batch: BatchRows, { step, lr }: { readonly step: number; readonly lr: number }): Promise<StepNumbers> {
    const { batchRows } = this.settings;
    const training = this.settings.training as StepTraining;
    const dead = await this.#choose(batch, step);
    const told = await this.#each((link) => link.reconstruct());
    const { joint, links } = this;
    const errors = await joint.reconstruct(links, this.#products, training.variance);
    const aux = dead > 0 ? joint.revive(links, training.auxWeight) : 0;
    joint.give(links);
    const measure = told.reduce((sum, own) => sum + own.measure, 0);
    const penalty =
      this.#rules.rule.choice === 'above'
        ? this.#rules.rule.penalty(measure, this.settings.settings, batchRows)
        : { value: 0, slope: 0 };
    const ownSquares = await this.#each((link) => link.derive(step, penalty.slope));
    const jointSquares = await joint.derive(links, this.#products);
    const clip = this.#clip(ownSquares.reduce((a, b) => a + b, jointSquares));
    const [beta1, beta2] = training.betas;
    const numbers = {
      ...{ step: step + 1, clip },
      rate: lr / (1 - beta1 ** (step + 1)),
      correction: 1 / Math.sqrt(1 - beta2 ** (step + 1)),
    };
    const moved = await this.#each((link) => link.update(numbers));
    joint.update(training, numbers);
    const sparsity = penalty.value + errors.frozen;
    const rec = errors.squares / (batchRows * training.variance);
    return {
      ...{ sse: errors.sse, squares: errors.squares, sparsity, aux, dead },
      loss: rec + sparsity + training.auxWeight * aux,
      firings: told.reduce((sum, own) => sum + own.firings, 0),
      gradientSquares: moved.reduce((a, b) => a + b, jointSquares),
    };
  }

  /** Features that fired last before this step are dead; null where nothing revives them. */
  #deadBefore(step: number): number | null {
    const { batchRows } = this.settings;
    const { kAux, deadAfterTokens } = this.settings.training as StepTraining;
    // (step − 1 − last) B ≥ deadAfterTokens
    return kAux === 0 ? null : step - Math.ceil(deadAfterTokens / batchRows);
  }

  /** Scores and choice over all slices. @returns dead features */
  async #choose({ reads, writes }: BatchRows, step: number): Promise<number> {
    const { recall } = this;
    this.#inputs.set(this.joint.take(reads, writes));
    if (recall && !recall.exact && !this.#multiplies) recall.leave(step, 'processor');
    const quantised = recall !== null && !recall.exact;
    const measured = quantised ? rowsToMeasure(step, this.settings.batchRows) : null;
    const dead = await this.#each((link) => link.choose(this.#deadBefore(step), quantised, measured));
    const exchanges = this.links.map(({ exchange }) => exchange);
    if (this.#merger) this.#merger.merge(exchanges);
    if (measured) recall?.note(countFound(exchanges, measured, keptPerRow(this.#rules.rule, this.settings.settings)));
    recall?.endStep(step + 1);
    if (this.#rules.rule.choice === 'batch') this.#shareBatch();
    const total = dead.reduce((a, b) => a + b, 0);
    if (this.#auxMerger && total > 0)
      this.#auxMerger.merge(
        exchanges.map(({ auxFilled, auxKeys, auxLeast }) => ({ filled: auxFilled, keys: auxKeys, least: auxLeast })),
      );
    return total;
  }

  /** The B k largest of all candidates; ties at the least go to the lower slices. */
  #shareBatch(): void {
    const { batchRows } = this.settings;
    const values = this.links.map(({ exchange }) => exchange.values.subarray(0, exchange.counts[0]));
    const joined = new Float32Array(values.reduce((n, own) => n + own.length, 0));
    let at = 0;
    for (const own of values) {
      joined.set(own, at);
      at += own.length;
    }
    const wanted = batchRows * keptPerRow(this.#rules.rule, this.settings.settings);
    const floor = largestValue(joined, wanted);
    let left = wanted;
    for (const value of joined) if (value > floor) left--;
    this.links.forEach(({ exchange }, s) => {
      let ties = 0;
      for (const value of values[s] as Float32Array) if (value === floor) ties++;
      exchange.floor[0] = floor;
      exchange.counts[1] = Math.min(left, ties);
      left -= Math.min(left, ties);
    });
  }

  /**
   * What fires on a batch in inference, slice after slice, and ‖x_hat − y‖² of each row. @param threshold θ of kinds that choose over
   * a batch in training
   */
  async infer({ reads, writes }: BatchRows, threshold: number | null): Promise<Inference> {
    this.#inputs.set(this.joint.take(reads, writes));
    if (threshold !== null) for (const { exchange } of this.links) exchange.floor[0] = threshold;
    await this.#each((link) => link.propose());
    const exchanges = this.links.map(({ exchange }) => exchange);
    if (this.#merger) this.#merger.merge(exchanges);
    const firing = await this.#each((link) => link.infer());
    return { firing, squares: await this.joint.infer(this.links, this.#products) };
  }

  /**
   * The 2 B k largest scores of a batch at least, of its first `count` rows, in no order: what a threshold is chosen from. `limit` is
   * the value up to which others may be missing; 0: none is.
   */
  async largestScores({ reads, writes }: BatchRows, count: number): Promise<LargestScores> {
    this.#inputs.set(this.joint.take(reads, writes));
    await this.#each((link) => link.choose(null));
    const found = await this.#each((link) => link.scoresOfRows(count));
    return {
      values: joinFloats(found.map(({ values }) => values)),
      limit: Math.max(...found.map(({ limit }) => limit)),
    };
  }

  /** All scores of a batch above `from`, of its first `count` rows, in no order. */
  async scoresAbove({ reads, writes }: BatchRows, from: number, count: number): Promise<Float32Array> {
    this.#inputs.set(this.joint.take(reads, writes));
    await this.#each((link) => link.choose(null));
    return joinFloats((await this.#each((link) => link.scoresAbove(from, count))).flat());
  }

  /** Bytes that cross between the slices and the step that joins them: all arrays of the exchanges, once. */
  get exchangedBytes(): number {
    return this.links.reduce((sum, { exchange }) => {
      const arrays = Object.values(exchange).filter((value) => ArrayBuffer.isView(value));
      return sum + arrays.reduce((own, { byteLength }) => own + byteLength, 0);
    }, 0);
  }

  #clip(squares: number): number {
    const { clipNorm } = this.settings.training as StepTraining;
    if (clipNorm === null) return 1;
    const norm = Math.sqrt(squares);
    return norm > clipNorm ? clipNorm / norm : 1;
  }

  #each<T>(run: (link: SliceLink) => Promise<T>): Promise<T[]> {
    return Promise.all(this.links.map(run));
  }

  async release(): Promise<void> {
    await this.#threads?.release();
    await this.#products.release();
  }
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((n, own) => n + own.length, 0));
  parts.reduce((at, own) => {
    joined.set(own, at);
    return at + own.length;
  }, 0);
  return joined;
}
