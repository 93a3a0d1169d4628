// The product of bytes by which candidates are proposed, by ONNX Runtime, and whether this processor computes it exactly.
//
//   products [features, rows] = weights u8 [features, width] · inputs i8 [width, rows], summed in 32 bits
//
// Of all signs and layouts this one is fast with VNNI. Processors without it add two products of bytes in 16 bits that saturate
// (vpmaddubsw): 255 · 127 · 2 > 32,767. What such a processor computes is wrong, so that nothing is proposed by it.
import { GraphBuilder } from '../core/onnx/builder.js';
import type { EngineConfig } from '../schemas/stored.js';
import { Session } from '../runtime/session.js';

export interface IntegerProducts {
  readonly weights: Uint8Array;
  readonly inputs: Int8Array;
  readonly products: Int32Array;
  readonly features: number;
  readonly rows: number;
  readonly width: number;
}

/** Columns up to which a sum of the largest products fits in 32 bits: 2^31 / (255 · 127). */
export const MOST_WIDTH = 65_536;

export class IntegerProduct {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async create({
    threads,
    optimisation,
  }: Pick<EngineConfig, 'threads' | 'optimisation'>): Promise<IntegerProduct> {
    const g = new GraphBuilder('integer-scores');
    const weights = g.input('weights', 'uint8', ['features', 'width']);
    const inputs = g.input('inputs', 'int8', ['width', 'rows']);
    g.output(g.op('MatMulInteger', [weights, inputs], { name: 'products' }));
    return new IntegerProduct(await Session.create(g.toModelBytes(), { provider: 'cpu', threads, optimisation }));
  }

  async multiply({ weights, inputs, products, features, rows, width }: IntegerProducts): Promise<void> {
    await this.#session.runInto(
      {
        weights: { dtype: 'uint8', dims: [features, width], data: weights },
        inputs: { dtype: 'int8', dims: [width, rows], data: inputs },
      },
      { products: { dtype: 'int32', dims: [features, rows], data: products } },
    );
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** Whether a product of the largest bytes, of both signs, is what it must be: of whole blocks and of what lies beside them. */
export async function multipliesExactly(multiply: IntegerProduct['multiply']): Promise<boolean> {
  for (const { features, rows, width } of [
    { features: 64, rows: 64, width: 256 },
    { features: 3, rows: 5, width: 7 },
  ]) {
    const weights = new Uint8Array(features * width).fill(255);
    const inputs = Int8Array.from({ length: width * rows }, (_, i) => ((i % rows) % 2 === 0 ? 127 : -127));
    const products = new Int32Array(features * rows);
    await multiply({ weights, inputs, products, features, rows, width });
    if (!products.every((sum, i) => sum === 255 * width * ((i % rows) % 2 === 0 ? 127 : -127))) return false;
  }
  return true;
}
