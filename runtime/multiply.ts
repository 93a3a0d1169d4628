// Products of float32 matrices by ONNX Runtime, for pure code that takes the product as a function.
import { GraphBuilder } from '../core/onnx/builder.js';
import { type Multiply, productSizes } from '../core/tensor/matrix.js';
import { Session, type SessionSettings, type TensorValue } from './session.js';

/** A product, and the end of its session. */
export interface Multiplier {
  readonly multiply: Multiply;
  release(): Promise<void>;
}

export async function createMultiplier(settings: SessionSettings): Promise<Multiplier> {
  const sessions = { a: await openProduct('a', settings), b: await openProduct('b', settings) };
  return {
    multiply: async (a, b, transposed) => {
      const { rows, columns } = productSizes(a, b, transposed);
      const feed = ({ data, rows: r, columns: c }: typeof a): TensorValue => ({ dtype: 'float32', dims: [r, c], data });
      const { c } = await sessions[transposed].run({ a: feed(a), b: feed(b) });
      return { data: c?.data as Float32Array, rows, columns };
    },
    release: async () => {
      await sessions.a.release();
      await sessions.b.release();
    },
  };
}

function openProduct(transposed: 'a' | 'b', settings: SessionSettings): Promise<Session> {
  const g = new GraphBuilder('product');
  const a = g.input('a', 'float32', transposed === 'a' ? ['inner', 'rows'] : ['rows', 'inner']);
  const b = g.input('b', 'float32', transposed === 'a' ? ['inner', 'columns'] : ['columns', 'inner']);
  g.output(g.op('Gemm', [a, b], { attributes: transposed === 'a' ? { transA: 1 } : { transB: 1 } }), 'c');
  return Session.create(g.toModelBytes(), settings);
}
