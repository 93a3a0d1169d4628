// Steps in which more fires than pairs have room for (slice/arrays.ts), as when a relu begins: half of its features fire on every
// row. The features of the slice are gone through some at a time, in three rounds (reconstruct, derive, update); each computes their
// scores anew, so that nothing of the size [F, B] is kept, and multiplies whole matrices. The kind's rule and the optimiser are those
// of other steps.
//
//   x_hat = Σ_chunks fᵀ W_dec     dots = W_dec gᵀ     ∂W_enc = ∂z x'     ∂W_dec = f g        f, ∂z, dots [chunk, B]
//   g [B, d_w] the gradient by x_hat
import type { ThresholdRule } from '../../core/dictionaries/fast/rule.js';
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { Products } from '../products.js';
import { crowdFeatures, type SliceArrays } from './arrays.js';
import type { AdamNumbers, SliceMoves } from './moves.js';
import type { PairsAbove } from './pairs-above.js';
import type { SliceSettings } from './settings.js';
import type { Firing, FiringSteps, Reconstructed } from './firing.js';
import type { GivenGradients, SliceSlopes } from './slopes.js';

interface Around {
  readonly kernels: Kernels;
  readonly products: Products;
  readonly pairs: PairsAbove;
  readonly slopes: SliceSlopes;
  /** Null where it is only applied. */
  readonly moves: SliceMoves | null;
}

/** Some features of the slice. */
interface Chunk {
  readonly first: number;
  readonly count: number;
}

export class Crowd {
  readonly #settings: SliceSettings;
  readonly #arrays: SliceArrays;
  readonly #around: Around;
  readonly #given: GivenGradients;
  /** ∂loss/∂measure of this step. */
  #slope = 0;

  constructor(settings: SliceSettings, arrays: SliceArrays, around: Around) {
    this.#settings = settings;
    this.#arrays = arrays;
    this.#around = around;
    const { crowdEncoderG, crowdDecoderG, crowdPlaces } = arrays;
    this.#given = {
      ...{ encoder: crowdEncoderG.address, decoder: crowdDecoderG.address, places: crowdPlaces.address },
    };
  }

  get #chunks(): Chunk[] {
    const { features } = this.#settings.slice;
    const size = crowdFeatures(this.#settings);
    return Array.from({ length: Math.ceil(features / size) }, (_, i) => ({
      first: i * size,
      count: Math.min(size, features - i * size),
    }));
  }

  async reconstruct(rule: ThresholdRule): Promise<Reconstructed> {
    const { parts, batchRows, slice } = this.#settings;
    const { spread, value, second } = this.#arrays;
    const half = batchRows * slice.writeStride;
    spread.data.subarray(0, parts.lines * slice.writeStride).fill(0);
    let [firings, measure] = [0, 0];
    for (const chunk of this.#chunks) {
      const told = await this.#around.pairs.find(rule, chunk);
      firings += told.firings;
      measure += told.measure;
      await this.#decode(chunk, value.data, 0);
      if (parts.lines > batchRows) await this.#decode(chunk, second.data, half);
    }
    return { firings, measure };
  }

  /** What fires in inference, by row, and its reconstruction. */
  async infer(rule: ThresholdRule): Promise<Firing> {
    const { batchRows, slice } = this.#settings;
    const { pairs, kernels } = this.#around;
    const a = this.#arrays;
    a.spread.data.subarray(0, batchRows * slice.writeStride).fill(0);
    const found: Firing[] = [];
    for (const chunk of this.#chunks) {
      await pairs.find(rule, chunk);
      const { count } = pairs.view;
      kernels.run.byRow(
        ...[count, batchRows, a.candidateRow.address, a.cursor.address, a.offsets.address, a.source.address],
      );
      kernels.run.pick(a.candidateFeature.address, a.source.address, count, a.rowFeature.address);
      kernels.run.pick(a.value.address, a.source.address, count, a.rowValue.address);
      found.push({
        offsets: a.offsets.data.slice(0, batchRows + 1),
        feature: a.rowFeature.data.slice(0, count),
        value: a.rowValue.data.slice(0, count),
      });
      await this.#decode(chunk, a.value.data, 0);
    }
    return joinByRow(found, batchRows);
  }

  /** spread[at …] += fᵀ W_dec of the chunk. @param values of the pairs */
  async #decode({ first, count }: Chunk, values: Float32Array, at: number): Promise<void> {
    const { batchRows, slice } = this.#settings;
    const { crowdSums, spread, decoder } = this.#arrays;
    const w = slice.writeStride;
    await this.#around.products.outerSums({
      ...{ a: this.#wide({ first, count }, values), b: decoder.data.subarray(first * w, (first + count) * w) },
      ...{ sums: crowdSums.data, rows: count, m: batchRows, n: w },
    });
    this.#around.kernels.run.addTo(spread.address + 4 * at, crowdSums.address, batchRows * w);
  }

  /** Values of pairs as a whole matrix [count, B], where the scores lay. */
  #wide({ first, count }: Chunk, values: Float32Array): Float32Array {
    const { batchRows, slice } = this.#settings;
    const { scores, candidateFeature, candidateRow } = this.#arrays;
    const base = slice.first + first;
    const wide = scores.data.subarray(0, count * batchRows).fill(0);
    const { count: pairs } = this.#around.pairs.view;
    for (let p = 0; p < pairs; p++)
      wide[((candidateFeature.data[p] as number) - base) * batchRows + (candidateRow.data[p] as number)] = values[
        p
      ] as number;
    return wide;
  }

  /** Gradients of vectors, what b_dec gets, and Σ of squared gradients where they are clipped. @param slope ∂loss/∂measure */
  async derive(
    rule: ThresholdRule,
    { step, slope }: { readonly step: number; readonly slope: number },
    fired: FiringSteps,
  ): Promise<number> {
    const { pairs, slopes } = this.#around;
    const moves = this.#around.moves as SliceMoves;
    const { through } = this.#arrays;
    const clips = this.#settings.training?.clips === true;
    this.#slope = slope;
    slopes.clearVectors();
    const sum = new Float32Array(through.data.length);
    let squares = 0;
    for (const chunk of this.#chunks) {
      await this.#slopes(rule, chunk);
      slopes.noteFired(fired, { step, touched: pairs.view.features });
      moves.throughEncoder(pairs.view.features);
      for (let j = 0; j < sum.length; j++) sum[j] = (sum[j] as number) + (through.data[j] as number);
      if (!clips) continue;
      await this.#gradients(chunk);
      squares += moves.rowSquares(pairs.view.features);
    }
    through.data.set(sum);
    return clips ? squares + moves.vectorSquares() : 0;
  }

  /** Adam's step. @returns Σ of squared gradients before clipping */
  async update(rule: ThresholdRule, numbers: AdamNumbers): Promise<number> {
    const { pairs } = this.#around;
    const moves = this.#around.moves as SliceMoves;
    let squares = 0;
    moves.beginUpdate(numbers);
    for (const chunk of this.#chunks) {
      await this.#slopes(rule, chunk);
      await this.#gradients(chunk);
      squares += moves.moveRows(pairs.view.features, numbers.step);
    }
    return squares + moves.endUpdate();
  }

  /** Pairs of the chunk, their values and ∂loss/∂score. */
  async #slopes(rule: ThresholdRule, chunk: Chunk): Promise<void> {
    const { batchRows, parts } = this.#settings;
    const { pairs } = this.#around;
    const a = this.#arrays;
    await pairs.find(rule, chunk);
    await this.#dots(chunk, 0, a.dots.data);
    if (parts.lines > batchRows) await this.#dots(chunk, batchRows, a.secondDots.data);
    this.#around.slopes.slopesAbove({
      ...{ rule, pairs: pairs.view, vectors: pairs.vectors, slope: this.#slope, dotsGiven: true },
    });
  }

  /** g_row · W_dec_i of the pairs. @param line of the gradients' first row */
  async #dots({ first, count }: Chunk, line: number, out: Float32Array): Promise<void> {
    const { batchRows, slice } = this.#settings;
    const { gradients, decoder, scores, candidateFeature, candidateRow } = this.#arrays;
    const w = slice.writeStride;
    const wide = scores.data.subarray(0, count * batchRows);
    await this.#around.products.score({
      weights: decoder.data.subarray(first * w, (first + count) * w),
      inputs: gradients.data.subarray(line * w, (line + batchRows) * w),
      ...{ scores: wide, features: count, rows: batchRows, width: w },
    });
    const base = slice.first + first;
    const { count: pairs } = this.#around.pairs.view;
    for (let p = 0; p < pairs; p++)
      out[p] = wide[
        ((candidateFeature.data[p] as number) - base) * batchRows + (candidateRow.data[p] as number)
      ] as number;
  }

  /** ∂loss/∂W_enc and ∂loss/∂W_dec of the chunk's features, a row each, given to the rows that are moved. */
  async #gradients(chunk: Chunk): Promise<void> {
    const { batchRows, slice } = this.#settings;
    const { products, pairs } = this.#around;
    const a = this.#arrays;
    const { count } = chunk;
    const [r, w] = [slice.readStride, slice.writeStride];
    await products.combine({
      ...{ a: this.#wide(chunk, a.value.data), b: a.gradients.data.subarray(0, batchRows * w) },
      ...{ product: a.crowdDecoderG.data.subarray(0, count * w), m: count, rows: batchRows, n: w },
    });
    await products.combine({
      ...{ a: this.#wide(chunk, a.slopes.data), b: a.inputs.data },
      ...{ product: a.crowdEncoderG.data.subarray(0, count * r), m: count, rows: batchRows, n: r },
    });
    const { features, touched } = pairs.view;
    for (let t = 0; t < features; t++) a.crowdPlaces.data[t] = (touched[t] as number) - chunk.first;
    // No pairs besides: everything is given.
    a.starts.data.fill(0, 0, features + 1);
    this.#around.slopes.give(this.#given);
  }
}

/** Parts of ascending features, row by row. */
function joinByRow(parts: readonly Firing[], rows: number): Firing {
  const total = parts.reduce((sum, { feature }) => sum + feature.length, 0);
  const [offsets, feature, value] = [new Uint32Array(rows + 1), new Uint32Array(total), new Float32Array(total)];
  let at = 0;
  for (let b = 0; b < rows; b++) {
    for (const part of parts) {
      const [from, to] = [part.offsets[b] as number, part.offsets[b + 1] as number];
      feature.set(part.feature.subarray(from, to), at);
      value.set(part.value.subarray(from, to), at);
      at += to - from;
    }
    offsets[b + 1] = at;
  }
  return { offsets, feature, value };
}
