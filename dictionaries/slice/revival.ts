// AuxK over whole rows of the dead features of a slice (core/dictionaries/aux-loss.ts): cheaper than pairs while they are few.
//
//   f_aux [D, B]: z of dead features where it is above 0 and among the k_aux largest dead of its row
//   ê = f_auxᵀ W_dec[D]      ∂z = (W_dec[D] gᵀ) 1[f_aux > 0]      ∂W_enc[D] = ∂z x'      ∂W_dec[D] = f_aux g
//   g [B, d_w] the gradient by ê
import type { Kernels } from '../../runtime/kernels/kernels.js';
import type { Products } from '../products.js';
import type { SliceArrays } from './arrays.js';
import type { SliceSettings } from './settings.js';

interface Around {
  readonly kernels: Kernels;
  readonly products: Products;
}

export class Revival {
  readonly #settings: SliceSettings;
  readonly #arrays: SliceArrays;
  readonly #around: Around;

  constructor(settings: SliceSettings, arrays: SliceArrays, around: Around) {
    this.#settings = settings;
    this.#arrays = arrays;
    this.#around = around;
  }

  /** ê of `dead` features, in the lines of AuxK. `deadValues` holds their z. */
  async reconstruct(dead: number): Promise<void> {
    const { batchRows, slice, parts } = this.#settings;
    const a = this.#arrays;
    const { run } = this.#around.kernels;
    const w = slice.writeStride;
    run.maskRows(dead, batchRows, a.deadIds.address, a.auxLeast.address, a.deadValues.address);
    run.gatherRows(dead, a.deadIds.address, slice.first, a.decoder.address, w, a.deadDecoder.address);
    await this.#around.products.outerSums({
      ...{ a: a.deadValues.data.subarray(0, dead * batchRows), b: a.deadDecoder.data.subarray(0, dead * w) },
      sums: a.spread.data.subarray(parts.lines * w, (parts.lines + batchRows) * w),
      ...{ rows: dead, m: batchRows, n: w },
    });
  }

  /** Gradients of the rows of `dead` features, from those by ê. */
  async derive(dead: number): Promise<void> {
    const { batchRows, slice, parts } = this.#settings;
    const a = this.#arrays;
    const { products, kernels } = this.#around;
    const [r, w] = [slice.readStride, slice.writeStride];
    const values = a.deadValues.data.subarray(0, dead * batchRows);
    const dots = a.deadDots.data.subarray(0, dead * batchRows);
    const gradients = a.gradients.data.subarray(parts.lines * w, (parts.lines + batchRows) * w);
    await products.score({
      ...{ weights: a.deadDecoder.data.subarray(0, dead * w), inputs: gradients, scores: dots },
      ...{ features: dead, rows: batchRows, width: w },
    });
    kernels.run.maskBy(dead, batchRows, a.deadValues.address, a.deadDots.address, a.deadSums.address);
    await products.combine({
      ...{ a: dots, b: a.inputs.data, product: a.deadEncoderG.data.subarray(0, dead * r) },
      ...{ m: dead, rows: batchRows, n: r },
    });
    await products.combine({
      ...{ a: values, b: gradients, product: a.deadDecoderG.data.subarray(0, dead * w) },
      ...{ m: dead, rows: batchRows, n: w },
    });
  }
}
