// The dense products of a dictionary's step, by ONNX Runtime in the caller's memory: scores of a block of features, the sums of
// outer products that W_skip learns from, and those of AuxK over the rows of dead features.
import { GraphBuilder } from '../core/onnx/builder.js';
import type { EngineConfig } from '../schemas/stored.js';
import { Session } from '../runtime/session.js';
import { IntegerProduct } from './integer-product.js';

/** scores [features, rows] = weights [features, width] · inputs [rows, width]ᵀ */
export interface Scoring {
  readonly weights: Float32Array;
  readonly inputs: Float32Array;
  readonly scores: Float32Array;
  readonly features: number;
  readonly rows: number;
  readonly width: number;
}

/** sums [m, n] = a [rows, m]ᵀ · b [rows, n] */
export interface OuterSums {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly sums: Float32Array;
  readonly rows: number;
  readonly m: number;
  readonly n: number;
}

/** product [m, n] = a [m, rows] · b [rows, n] */
export interface Combination {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly product: Float32Array;
  readonly m: number;
  readonly rows: number;
  readonly n: number;
}

type ProductEngine = Pick<EngineConfig, 'threads' | 'optimisation'>;

export class Products {
  /** Products of bytes, where candidates are proposed by them. */
  readonly integer: IntegerProduct | null;
  readonly #session: Session;
  readonly #outer: Session;
  readonly #combine: Session;

  private constructor(sessions: readonly [Session, Session, Session], integer: IntegerProduct | null) {
    [this.#session, this.#outer, this.#combine] = sessions;
    this.integer = integer;
  }

  /** @param quantised whether there are products of bytes */
  static async create({ threads, optimisation }: ProductEngine, quantised: boolean): Promise<Products> {
    const settings = { provider: 'cpu', threads, optimisation } as const;
    const scores = new GraphBuilder('scores');
    const weights = scores.input('weights', 'float32', ['features', 'width']);
    const inputs = scores.input('inputs', 'float32', ['rows', 'width']);
    scores.output(scores.op('Gemm', [weights, inputs], { attributes: { transB: 1 }, name: 'scores' }));
    const outer = new GraphBuilder('outer-sums');
    const [a, b] = [outer.input('a', 'float32', ['rows', 'm']), outer.input('b', 'float32', ['rows', 'n'])];
    outer.output(outer.op('Gemm', [a, b], { attributes: { transA: 1 }, name: 'sums' }));
    const combine = new GraphBuilder('combination');
    const [c, d] = [combine.input('a', 'float32', ['m', 'rows']), combine.input('b', 'float32', ['rows', 'n'])];
    combine.output(combine.op('Gemm', [c, d], { name: 'product' }));
    return new Products(
      [
        await Session.create(scores.toModelBytes(), settings),
        await Session.create(outer.toModelBytes(), settings),
        await Session.create(combine.toModelBytes(), settings),
      ],
      quantised ? await IntegerProduct.create({ threads, optimisation }) : null,
    );
  }

  async combine({ a, b, product, m, rows, n }: Combination): Promise<void> {
    await this.#combine.runInto(
      {
        a: { dtype: 'float32', dims: [m, rows], data: a },
        b: { dtype: 'float32', dims: [rows, n], data: b },
      },
      { product: { dtype: 'float32', dims: [m, n], data: product } },
    );
  }

  async outerSums({ a, b, sums, rows, m, n }: OuterSums): Promise<void> {
    await this.#outer.runInto(
      {
        a: { dtype: 'float32', dims: [rows, m], data: a },
        b: { dtype: 'float32', dims: [rows, n], data: b },
      },
      { sums: { dtype: 'float32', dims: [m, n], data: sums } },
    );
  }

  async score({ weights, inputs, scores, features, rows, width }: Scoring): Promise<void> {
    await this.#session.runInto(
      {
        weights: { dtype: 'float32', dims: [features, width], data: weights },
        inputs: { dtype: 'float32', dims: [rows, width], data: inputs },
      },
      { scores: { dtype: 'float32', dims: [features, rows], data: scores } },
    );
  }

  async release(): Promise<void> {
    await this.#session.release();
    await this.#outer.release();
    await this.#combine.release();
    await this.integer?.release();
  }
}
