// The nearest rows of a matrix by cosine, exactly: every pair is compared, a block of rows with all of them at a time.
//
//   cos(i, j) = ŵ_i · ŵ_j      ŵ = w / ‖w‖, a row of the decoder (all sites written together)
// ONNX Runtime gives each row's CANDIDATES greatest products in float32; of these the ten of greatest cosine in float64, rounded to
// float32, are kept: value descending, then the lower feature. More candidates than are kept, so that float32's last bits do not
// decide who is one of the ten. A row of zeros has no neighbours and is nobody's.
import { GraphBuilder } from '../../core/onnx/builder.js';
import { Session, type SessionSettings } from '../../runtime/session.js';
import { keepNearest, NEIGHBOURS } from './together.js';

/** The kept ones, the row itself, and spare ones. */
const CANDIDATES = NEIGHBOURS + 1 + 5;
/** The products of a block take at most this. */
const PRODUCT_BYTES = 64 * 2 ** 20;

export interface NearestRow {
  readonly feature: number;
  readonly value: number;
}

export class NearestRows {
  readonly #session: Session;
  readonly #rows: Float32Array;
  readonly #width: number;
  readonly #isZero: Uint8Array;
  readonly #block: number;

  private constructor(session: Session, rows: Float32Array, of: { width: number; isZero: Uint8Array; block: number }) {
    this.#session = session;
    this.#rows = rows;
    this.#width = of.width;
    this.#isZero = of.isZero;
    this.#block = of.block;
  }

  /** @param rows [features, width], made unit rows in place */
  static async open(
    rows: Float32Array,
    width: number,
    engine: Pick<SessionSettings, 'provider' | 'threads' | 'optimisation'>,
  ): Promise<NearestRows> {
    const features = rows.length / width;
    const isZero = makeUnit(rows, width);
    const block = Math.max(1, Math.min(features, 1024, Math.floor(PRODUCT_BYTES / 4 / features)));
    const g = new GraphBuilder('nearest');
    const own = g.input('own', 'float32', [block, width]);
    const all = g.input('all', 'float32', [features, width]);
    const products = g.op('Gemm', [own, all], { attributes: { transB: 1 } });
    const [, place] = g.ops('TopK', [products, g.integers(Math.min(CANDIDATES, features))], { outputs: 2 });
    if (place) g.output(place, 'place');
    const session = await Session.create(g.toModelBytes(), engine);
    return new NearestRows(session, rows, { width, isZero, block });
  }

  /** The neighbours of rows from … to − 1, one list each. */
  async *neighbours(from: number, to: number): AsyncGenerator<readonly NearestRow[]> {
    const features = this.#isZero.length;
    const [block, width] = [this.#block, this.#width];
    for (let start = from; start < to; start += block) {
      const count = Math.min(block, to - start);
      const own = new Float32Array(block * width);
      own.set(this.#rows.subarray(start * width, (start + count) * width));
      const { place } = await this.#session.run({
        own: { dtype: 'float32', dims: [block, width], data: own },
        all: { dtype: 'float32', dims: [features, width], data: this.#rows },
      });
      const found = place?.data as BigInt64Array;
      const each = found.length / block;
      for (let row = 0; row < count; row++)
        yield this.#nearest(start + row, found.subarray(row * each, (row + 1) * each));
    }
  }

  release(): Promise<void> {
    return this.#session.release();
  }

  #nearest(feature: number, candidates: BigInt64Array): NearestRow[] {
    const best: NearestRow[] = [];
    if (this.#isZero[feature]) return best;
    for (const candidate of candidates) {
      const other = Number(candidate);
      if (other === feature || this.#isZero[other]) continue;
      keepNearest(best, { feature: other, value: Math.fround(this.#cosine(feature, other)) });
    }
    return best;
  }

  #cosine(a: number, b: number): number {
    const [width, rows] = [this.#width, this.#rows];
    let [dot, aa, bb] = [0, 0, 0];
    for (let i = 0; i < width; i++) {
      const [x, y] = [rows[a * width + i] as number, rows[b * width + i] as number];
      dot += x * y;
      aa += x * x;
      bb += y * y;
    }
    return Math.max(-1, Math.min(1, dot / Math.sqrt(aa * bb)));
  }
}

/** Divides every row by its norm; 1 where a row is zeros. */
function makeUnit(rows: Float32Array, width: number): Uint8Array {
  const isZero = new Uint8Array(rows.length / width);
  for (let row = 0; row < isZero.length; row++) {
    let squares = 0;
    for (let i = row * width; i < (row + 1) * width; i++) squares += (rows[i] as number) ** 2;
    if (squares === 0) isZero[row] = 1;
    else for (let i = row * width; i < (row + 1) * width; i++) rows[i] = (rows[i] as number) / Math.sqrt(squares);
  }
  return isZero;
}
