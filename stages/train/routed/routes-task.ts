// Finds the routes of frozen experts inside the compute child: balanced clusters of a sample of scaled fit rows.
import path from 'node:path';
import { gatherRows } from '../../../core/dictionaries/gather.js';
import { findRoutes, type RouterProduct } from '../../../core/dictionaries/routing/routes.js';
import { computeScale } from '../../../core/dictionaries/scale.js';
import { multiplyExactly } from '../../../core/dictionaries/units.js';
import { GraphBuilder } from '../../../core/onnx/builder.js';
import type { ChildContext } from '../../../runtime/child/protocol.js';
import { Session } from '../../../runtime/session.js';
import type { EngineConfig } from '../../../schemas/stored.js';
import type { ChildOutput } from '../../stage.js';
import { readRowFile } from '../row-file.js';
import type { RoutesRequest } from './messages.js';
import { writeRoutes } from './routes-file.js';

/** Rows of one product. */
const PRODUCT_ROWS = 4096;

export async function findRoutesTask(request: RoutesRequest, context: ChildContext): Promise<ChildOutput> {
  const { config, moments, key, rows } = request;
  const { keyed, aux } = config;
  const { scale } = computeScale(moments);
  const x = await scaledRows(request, scale);
  const { width } = aux;
  const product = await openProduct(x, { width, experts: keyed.experts, engine: keyed.engine, context });
  try {
    const found = await findRoutes(x, { experts: keyed.experts, width, seed: keyed.runSeed }, product.run);
    const routes = {
      moments,
      // Scores have no unit: W_router is per input, as units.ts folds it.
      W_router: multiplyExactly('W_router', found.W_router, scale),
      b_router: found.b_router,
      means: multiplyExactly('means', found.means, 1 / scale),
    };
    const metadata = {
      key,
      model: aux.model,
      site: aux.site,
      units: 'raw activation units',
      seed: String(keyed.runSeed),
    };
    const file = await writeRoutes(path.join(request.spool, `${key}.routes.safetensors`), routes, metadata);
    return {
      files: [{ ...file, table: 'routes', extension: 'safetensors', rows: keyed.experts, batches: [] }],
      statistics: {
        experts: keyed.experts,
        fitRows: moments.rows,
        sampleRows: rows.rows,
        largestShare: found.largestShare,
      },
    };
  } finally {
    await product.release();
  }
}

async function scaledRows({ rows, config }: RoutesRequest, scale: number): Promise<Float32Array> {
  const { width } = config.aux;
  const stored = await readRowFile(rows, [width], config.keyed.dtype);
  const x = new Float32Array(rows.rows * width);
  const all = Uint32Array.from({ length: rows.rows }, (_, i) => i);
  for (const { act } of stored.sites) gatherRows(act, x, { rows: all, width, scale });
  return x;
}

interface ProductSettings {
  readonly width: number;
  readonly experts: number;
  readonly engine: EngineConfig;
  readonly context: ChildContext;
}

/** Products of the rows with a router, some rows at a time: every call of ONNX Runtime has one shape. */
async function openProduct(
  x: Float32Array,
  { width, experts, engine, context }: ProductSettings,
): Promise<{ readonly run: RouterProduct; readonly release: () => Promise<void> }> {
  const g = new GraphBuilder('scores');
  const rows = g.input('x', 'float32', [PRODUCT_ROWS, width]);
  const [W, b] = [g.input('W', 'float32', [experts, width]), g.input('b', 'float32', [experts])];
  g.output(g.op('Gemm', [rows, W, b], { attributes: { transB: 1 }, name: 'scores' }));
  const session = await Session.create(g.toModelBytes(), { ...engine, provider: 'cpu' });
  const total = x.length / width;
  const run: RouterProduct = async (weights, bias) => {
    const scores = new Float32Array(total * experts);
    for (let from = 0; from < total; from += PRODUCT_ROWS) {
      context.alive();
      const count = Math.min(PRODUCT_ROWS, total - from);
      const whole = x.subarray(from * width, (from + count) * width);
      const data = count === PRODUCT_ROWS ? whole : padded(whole, PRODUCT_ROWS * width);
      const found = await session.run({
        x: { dtype: 'float32', dims: [PRODUCT_ROWS, width], data },
        W: { dtype: 'float32', dims: [experts, width], data: weights },
        b: { dtype: 'float32', dims: [experts], data: bias },
      });
      scores.set((found['scores']?.data as Float32Array).subarray(0, count * experts), from * experts);
    }
    return scores;
  };
  return { run, release: () => session.release() };
}

function padded(values: Float32Array, length: number): Float32Array {
  const all = new Float32Array(length);
  all.set(values);
  return all;
}
