// What a dictionary has once, beside its slices: b_dec of the sites written, W_skip, and the errors of its reconstructions. Works
// on what slices give, in their order.
//
//   e_0 = b_dec + W_skip x − y + Σ_s W_decᵀ f of the first prefix;  e_g = e_{g−1} + Σ_s W_decᵀ f of part g
//   rec = Σ_g ‖e_g‖² / (G B V);  a feature of part h has the gradient Σ_{g ≥ h} 2 e_g / (G B V)
//   gated: the second reconstruction is by itself, ‖e_1‖² / (B V) counts as sparsity, and b_dec and W_skip learn from e_0 alone
//   AuxK: ê = Σ_s W_decᵀ f_aux, aux = Σ‖ê + e‖² / Σ‖e − ē‖², e the error of the whole reconstruction
import { type KernelArray, Kernels, roomFor } from '../runtime/kernels/kernels.js';
import type { Panel, SlicePlan } from '../core/dictionaries/slices.js';
import type { AdamNumbers } from './slice/moves.js';
import type { SliceLink } from './slice/link.js';
import type { Products } from './products.js';
import type { SliceTraining } from './slice/settings.js';

export interface JointSettings {
  readonly plan: SlicePlan;
  readonly batchRows: number;
  /** Prefixes, or 1. */
  readonly prefixes: number;
  /** A second reconstruction, with the decoder held fixed. */
  readonly frozen: boolean;
  readonly auxRows: number;
  /** Whether what is read is centred on b_dec. */
  readonly centred: boolean;
  readonly skip: boolean;
  readonly training: SliceTraining | null;
}

interface Moments {
  readonly value: KernelArray<Float32Array>;
  readonly g: KernelArray<Float32Array>;
  readonly m: KernelArray<Float32Array>;
  readonly v: KernelArray<Float32Array>;
}

/** Sums of a step's errors. */
export interface Errors {
  /** Σ‖e‖² of the whole reconstruction. */
  readonly sse: number;
  /** The reconstruction term times B V. */
  readonly squares: number;
  /** ‖e_1‖² / (B V) of gated, else 0. */
  readonly frozen: number;
  readonly aux: number;
}

const NO_MOMENTUM = 4;

export class Joint {
  readonly bias: Moments;
  readonly skip: Moments;
  readonly #settings: JointSettings;
  readonly #kernels: Kernels;
  readonly #inputs: KernelArray<Float32Array>;
  readonly #targets: KernelArray<Float32Array>;
  readonly #errors: KernelArray<Float32Array>;
  readonly #gradients: KernelArray<Float32Array>;
  readonly #staged: KernelArray<Float32Array>;
  readonly #mean: KernelArray<Float32Array>;
  readonly #squares: KernelArray<Float64Array>;
  readonly #reconstructions: number;

  constructor(settings: JointSettings) {
    const { plan, batchRows, prefixes, frozen, auxRows, skip } = settings;
    this.#settings = settings;
    this.#reconstructions = frozen ? 2 : prefixes;
    const [R, W] = [plan.reads.stride, plan.writes.stride];
    const lines = batchRows * this.#reconstructions + auxRows;
    const weights = skip ? W * R : 0;
    const floats = batchRows * (R + W) + 3 * lines * W + 6 * W + 4 * weights;
    this.#kernels = new Kernels(roomFor(4 * floats + 8 * batchRows) + 64 * 20);
    const k = this.#kernels;
    const moments = (n: number): Moments => ({ value: k.floats(n), g: k.floats(n), m: k.floats(n), v: k.floats(n) });
    this.bias = moments(W);
    this.skip = moments(weights);
    this.#inputs = k.floats(batchRows * R);
    this.#targets = k.floats(batchRows * W);
    this.#errors = k.floats(lines * W);
    this.#gradients = k.floats(lines * W);
    this.#staged = k.floats(lines * W);
    this.#mean = k.floats(W);
    this.#squares = k.doubles(batchRows);
  }

  /** Rows of sites, side by side. @returns what slices read */
  take(reads: readonly Float32Array[], writes: readonly Float32Array[]): Float32Array {
    const { plan, batchRows, centred } = this.#settings;
    fillPanel(this.#inputs.data, { sites: reads, panel: plan.reads, rows: batchRows });
    fillPanel(this.#targets.data, { sites: writes, panel: plan.writes, rows: batchRows });
    const { stride } = plan.reads;
    if (centred)
      this.#kernels.run.subtractFromRows(
        ...[batchRows, stride, this.#inputs.address, this.bias.value.address, this.#inputs.address],
      );
    return this.#inputs.data;
  }

  /** Errors of all reconstructions, from what every slice gave. */
  async reconstruct(links: readonly SliceLink[], products: Products, variance: number): Promise<Errors> {
    const { batchRows, prefixes, frozen, plan } = this.#settings;
    await this.#base(products);
    const part = 4 * batchRows * plan.writes.stride;
    const count = this.#reconstructions;
    // Every later reconstruction begins where the one before ends; the frozen one where the first began.
    if (frozen) this.#errors.data.copyWithin(part / 4, 0, part / 4);
    this.#addPartials(links, 0);
    for (let g = 1; g < count; g++) {
      if (!frozen) this.#errors.data.copyWithin((g * part) / 4, ((g - 1) * part) / 4, (g * part) / 4);
      this.#addPartials(links, g);
    }
    const factor = 2 / (prefixes * batchRows * variance);
    const sums = Array.from({ length: count }, (_, g) => this.#residual(g, factor));
    for (let g = count - 2; g >= 0 && !frozen; g--) this.#addGradient(g, g + 1);
    const sse = frozen ? (sums[0] as number) : (sums.at(-1) as number);
    const squares = frozen ? sse : sums.reduce((a, b) => a + b, 0) / prefixes;
    return { sse, squares, frozen: frozen ? (sums[1] as number) / (batchRows * variance) : 0, aux: 0 };
  }

  /** b_dec + W_skip x − y in the first reconstruction's place. */
  async #base(products: Products): Promise<void> {
    const { plan, batchRows, skip } = this.#settings;
    const { stride } = plan.writes;
    const first = this.#errors.data.subarray(0, batchRows * stride);
    first.fill(0);
    if (skip)
      await products.score({
        ...{ weights: this.#inputs.data, inputs: this.skip.value.data, scores: first },
        ...{ features: batchRows, rows: stride, width: plan.reads.stride },
      });
    this.#kernels.run.addShifted(
      ...[batchRows, stride, this.#errors.address, this.bias.value.address, this.#targets.address],
    );
  }

  #addPartials(links: readonly SliceLink[], line: number): void {
    const { plan, batchRows } = this.#settings;
    const { stride } = plan.writes;
    for (const { exchange, settings } of links) {
      const { writeStride, writeColumn } = settings.slice;
      const size = batchRows * writeStride;
      this.#staged.data.set(exchange.partial.subarray(line * size, (line + 1) * size));
      this.#kernels.run.addColumns(
        ...[batchRows, this.#errors.address + 4 * line * batchRows * stride, stride, writeColumn],
        ...[this.#staged.address, writeStride],
      );
    }
  }

  /** @returns Σ‖e‖² */
  #residual(line: number, factor: number): number {
    const { plan, batchRows } = this.#settings;
    const at = 4 * line * batchRows * plan.writes.stride;
    this.#kernels.run.residual(
      ...[batchRows, plan.writes.stride, this.#errors.address + at, factor],
      ...[this.#gradients.address + at, this.#squares.address],
    );
    return this.#squares.data.reduce((sum, value) => sum + value, 0);
  }

  #addGradient(line: number, later: number): void {
    const { plan, batchRows } = this.#settings;
    const size = batchRows * plan.writes.stride;
    this.#kernels.run.addTo(
      this.#gradients.address + 4 * line * size,
      this.#gradients.address + 4 * later * size,
      size,
    );
  }

  /** AuxK's loss; its gradient follows those of the reconstructions. */
  revive(links: readonly SliceLink[], weight: number): number {
    const { plan, batchRows } = this.#settings;
    const { stride } = plan.writes;
    const [line, size] = [this.#reconstructions, batchRows * stride];
    const { run } = this.#kernels;
    const last = this.#errors.data.subarray((line - 1) * size, line * size);
    const spread = this.#spread(4 * (line - 1) * size);
    this.#errors.data.set(last, line * size);
    this.#addPartials(links, line);
    const at = 4 * line * size;
    run.residual(
      ...[batchRows, stride, this.#errors.address + at, (2 * weight) / spread],
      ...[this.#gradients.address + at, this.#squares.address],
    );
    return this.#squares.data.reduce((sum, value) => sum + value, 0) / spread;
  }

  /** Σ‖r − mean_b r‖² in float64. */
  #spread(at: number): number {
    const { plan, batchRows } = this.#settings;
    const { stride } = plan.writes;
    const { run } = this.#kernels;
    const errors = this.#errors.address + at;
    run.columnSums(batchRows, stride, errors, this.#mean.address);
    for (let j = 0; j < stride; j++) this.#mean.data[j] = (this.#mean.data[j] as number) / batchRows;
    run.subtractFromRows(batchRows, stride, errors, this.#mean.address, this.#staged.address);
    run.residual(batchRows, stride, this.#staged.address, 0, this.#staged.address, this.#squares.address);
    return this.#squares.data.reduce((sum, value) => sum + value, 0);
  }

  /** AuxK gives no gradient in a step without dead features. */
  clearRevival(): void {
    const { plan, batchRows } = this.#settings;
    this.#gradients.data.fill(0, this.#reconstructions * batchRows * plan.writes.stride);
  }

  /** Gradients by reconstructions to every slice. */
  give(links: readonly SliceLink[]): void {
    const { plan } = this.#settings;
    const { stride } = plan.writes;
    for (const { exchange, settings } of links) {
      const { writeStride, writeColumn } = settings.slice;
      if (writeStride === stride) {
        exchange.gradients.set(this.#gradients.data);
        continue;
      }
      for (let line = 0; line * writeStride < exchange.gradients.length; line++) {
        const at = line * stride + writeColumn;
        exchange.gradients.set(this.#gradients.data.subarray(at, at + writeStride), line * writeStride);
      }
    }
  }

  /** Gradients of b_dec and W_skip. @returns Σ of their squares */
  async derive(links: readonly SliceLink[], products: Products): Promise<number> {
    const { plan, batchRows, centred, skip } = this.#settings;
    const { stride } = plan.writes;
    const { bias } = this;
    this.#kernels.run.columnSums(batchRows, stride, this.#gradients.address, bias.g.address);
    if (centred)
      for (const { exchange } of links)
        for (let j = 0; j < stride; j++) bias.g.data[j] = (bias.g.data[j] as number) - (exchange.through[j] as number);
    if (skip)
      await products.outerSums({
        ...{ a: this.#gradients.data.subarray(0, batchRows * stride), b: this.#inputs.data, sums: this.skip.g.data },
        ...{ rows: batchRows, m: stride, n: plan.reads.stride },
      });
    return [bias, this.skip].reduce((sum, { g }) => sum + g.data.reduce((own, value) => own + value * value, 0), 0);
  }

  update({ betas, epsilon }: Pick<SliceTraining, 'betas' | 'epsilon'>, numbers: AdamNumbers): void {
    const { run } = this.#kernels;
    run.setAdam(betas[0], 1 - betas[0], betas[1], 1 - betas[1], epsilon, numbers.rate, numbers.correction);
    run.setClip(numbers.clip);
    for (const { value, g, m, v } of [this.bias, this.skip])
      run.updateDense(
        value.address,
        g.address,
        m.address,
        v.address,
        value.data.length,
        betas[0] === 0 ? NO_MOMENTUM : 0,
      );
  }

  /** Σ‖y − ȳ‖² of the batch. */
  targetSpread(): number {
    const { plan, batchRows } = this.#settings;
    const { stride } = plan.writes;
    const sums = new Float64Array(stride);
    let squares = 0;
    const y = this.#targets.data;
    for (let b = 0, at = 0; b < batchRows; b++)
      for (let j = 0; j < stride; j++, at++) {
        const value = y[at] as number;
        sums[j] = (sums[j] as number) + value;
        squares += value * value;
      }
    return squares - sums.reduce((total, sum) => total + sum * sum, 0) / batchRows;
  }

  /** ‖x_hat − y‖² of each row [B], from what every slice gave in inference. */
  async infer(links: readonly SliceLink[], products: Products): Promise<Float64Array> {
    await this.#base(products);
    this.#addPartials(links, 0);
    this.#residual(0, 0);
    return this.#squares.data.slice();
  }
}

interface PanelRows {
  readonly sites: readonly Float32Array[];
  readonly panel: Panel;
  readonly rows: number;
}

/** Sites side by side, each from a multiple of 4 columns on; what pads them stays 0. */
function fillPanel(target: Float32Array, { sites, panel, rows }: PanelRows): void {
  const { columns, widths, stride } = panel;
  if (sites.length === 1 && widths[0] === stride) {
    target.set(sites[0] as Float32Array);
    return;
  }
  sites.forEach((values, site) => {
    const [width, column] = [widths[site] as number, columns[site] as number];
    for (let b = 0; b < rows; b++) target.set(values.subarray(b * width, (b + 1) * width), b * stride + column);
  });
}
