// Cuts the batches of some steps out of a token stream.
import { checkLossWeights } from '../../core/language-model/loss-weights.js';
import type { TokenStream } from './token-stream.js';
import type { Batches } from './trainer.js';

export class BatchReader {
  readonly #stream: TokenStream;
  readonly #sizes: { readonly batch: number; readonly contextTokens: number };
  readonly #offsets: (step: number) => Float64Array;

  /** @param offsets where the contexts of a step begin */
  constructor(
    stream: TokenStream,
    sizes: { readonly batch: number; readonly contextTokens: number },
    offsets: (step: number) => Float64Array,
  ) {
    this.#stream = stream;
    this.#sizes = sizes;
    this.#offsets = offsets;
  }

  /** The batches of steps `from` … `from + count − 1`. @throws InputError where a step has no weight at all */
  read(from: number, count: number): Batches {
    const { batch, contextTokens } = this.#sizes;
    const window = contextTokens + 1;
    const tokens = new Int32Array(count * batch * window);
    const weights = this.#stream.weighted ? new Float32Array(count * batch * contextTokens) : null;
    for (let step = 0; step < count; step++) {
      this.#offsets(from + step).forEach((offset, j) => {
        const n = step * batch + j;
        this.#stream.readIds(offset, tokens.subarray(n * window, (n + 1) * window));
        // The weight of a target is that of its own token: the one behind the input.
        if (weights) this.#stream.readWeights(offset + 1, weights.subarray(n * contextTokens, (n + 1) * contextTokens));
      });
    }
    if (weights) checkLossWeights(weights, { from, perStep: batch * contextTokens });
    return { tokens, weights, count };
  }
}
