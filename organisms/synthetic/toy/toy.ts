// Rows of a trained toy model of superposition: what its hidden layer holds for random features.
//
//   h = Wᵀ x       true feature i is active on a row when x_i > 0, with direction W_i
//
// Directions may be opposite (the toy likes pairs of them), so features must be told apart by sign: match them by the signed cosine.
// Rows are keyed by (seed, stream, block of 256 rows). Source and training: train.ts. Test: tests/unit/organisms/toy.test.ts.
import type { Matrix } from '../../../core/tensor/matrix.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import { FiringList, type Stream, type SyntheticRows, type SyntheticSource } from '../source.js';
import { Decoder } from '../decoder.js';
import { type ToySettings, type ToyWeights, drawFeatures } from './train.js';

const BLOCK_ROWS = 256;

export class Toy implements SyntheticSource {
  readonly directions: Matrix;
  readonly bias: Float32Array;
  readonly #settings: ToySettings;
  readonly #decoder: Decoder;

  constructor(settings: ToySettings, { W }: ToyWeights) {
    this.directions = W;
    this.bias = new Float32Array(W.columns);
    this.#settings = settings;
    this.#decoder = new Decoder(W, this.bias);
  }

  draw(stream: Stream, from: number, count: number): Promise<SyntheticRows> {
    const { features, sparsity, seed } = this.#settings;
    const list = new FiringList(count, features * (1 - sparsity) + 1);
    for (let block = Math.floor(from / BLOCK_ROWS); block * BLOCK_ROWS < from + count; block++) {
      const random = new KeyedRandom('toy', seed, stream, block);
      const x = drawFeatures(random, { rows: BLOCK_ROWS, features, sparsity });
      const start = block * BLOCK_ROWS;
      for (let row = Math.max(start, from); row < Math.min(start + BLOCK_ROWS, from + count); row++) {
        x.subarray((row - start) * features, (row - start + 1) * features).forEach((value, i) => {
          if (value > 0) list.add(i, value);
        });
        list.endRow();
      }
    }
    const firings = list.finish();
    return Promise.resolve({ rows: this.#decoder.decode(firings), firings });
  }
}
