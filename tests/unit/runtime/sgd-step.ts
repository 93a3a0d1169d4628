// A training step as a graph whose weights are its state: w' = w − η · 2/n · Xᵀ(X w − y), loss = mean (X w − y)².
import { encodeModel, joinChunks } from '../../../core/onnx/codec.js';
import { makeGraph, makeModel, makeNode, makeTensor, makeValueInfo } from '../../../core/onnx/make.js';
import { KeyedRandom } from '../../../core/tensor/random.js';
import type { DeviceTensor } from '../../../runtime/device-tensor.js';
import type { Provider } from '../../../runtime/provider.js';
import { Session, type TensorValue } from '../../../runtime/session.js';
import { download, upload } from '../../../runtime/transfer.js';

export const ROWS = 32;
export const COLUMNS = 8;
export const RATE = 0.05;

/** The step's model: inputs X [32, 8], y [32, 1], w [8, 1]; outputs next [8, 1], loss. */
export function sgdStep(): Uint8Array {
  const matrix = (name: string, rows: number, columns: number) => makeValueInfo(name, 'float32', [rows, columns]);
  const graph = makeGraph({
    node: [
      makeNode('MatMul', { input: ['X', 'w'], output: ['guess'] }),
      makeNode('Sub', { input: ['guess', 'y'], output: ['error'] }),
      makeNode('Gemm', { input: ['X', 'error'], output: ['slope'], attributes: { transA: 1 } }),
      makeNode('Mul', { input: ['slope', 'rate'], output: ['change'] }),
      makeNode('Sub', { input: ['w', 'change'], output: ['next'] }),
      makeNode('Mul', { input: ['error', 'error'], output: ['square'] }),
      makeNode('ReduceMean', { input: ['square'], output: ['loss'], attributes: { keepdims: 0 } }),
    ],
    input: [matrix('X', ROWS, COLUMNS), matrix('y', ROWS, 1), matrix('w', COLUMNS, 1)],
    output: [matrix('next', COLUMNS, 1), makeValueInfo('loss', 'float32', [])],
    initializer: [makeTensor('rate', { dims: [], data: Float32Array.of((RATE * 2) / ROWS) })],
  });
  return joinChunks(encodeModel(makeModel(graph)));
}

/** X and y, and the weights and losses of plain arithmetic in double precision. */
export function expectedSteps(steps: number): {
  readonly X: Float32Array;
  readonly y: Float32Array;
  readonly w: Float64Array;
  readonly losses: readonly number[];
} {
  const random = new KeyedRandom('sgd-step');
  const X = Float32Array.from({ length: ROWS * COLUMNS }, () => random.nextNormal());
  const y = Float32Array.from({ length: ROWS }, () => random.nextNormal());
  const w = new Float64Array(COLUMNS);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const error = Array.from(y, (target, r) =>
      w.reduce((sum, weight, c) => sum + weight * (X[r * COLUMNS + c] ?? 0), -target),
    );
    losses.push(error.reduce((sum, e) => sum + e * e, 0) / ROWS);
    for (let c = 0; c < COLUMNS; c++) {
      const slope = error.reduce((sum, e, r) => sum + e * (X[r * COLUMNS + c] ?? 0), 0);
      w[c] = (w[c] ?? 0) - ((RATE * 2) / ROWS) * slope;
    }
  }
  return { X, y, w, losses };
}

/** The same steps by a session, the weights on its device from the first step to the last. */
export async function residentSteps(
  provider: Provider,
  steps: number,
): Promise<{
  readonly w: Float32Array;
  readonly losses: readonly number[];
  readonly onGpu: boolean;
}> {
  const { X, y } = expectedSteps(0);
  const settings = { provider, threads: 1, optimisation: 'all', resident: ['next'] } as const;
  const session = await Session.create(sgdStep(), settings);
  const matrix = (data: Float32Array, dims: readonly number[]): TensorValue => ({ dtype: 'float32', dims, data });
  const data = {
    X: await upload(matrix(X, [ROWS, COLUMNS]), provider),
    y: await upload(matrix(y, [ROWS, 1]), provider),
  };
  let w: DeviceTensor = await upload(matrix(new Float32Array(COLUMNS), [COLUMNS, 1]), provider);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { values, resident } = await session.runResident({ ...data, w });
    losses.push(Number(values['loss']?.data[0]));
    w.dispose();
    w = resident['next'] as DeviceTensor;
  }
  const { onGpu } = w;
  const { data: last } = await download(w);
  for (const tensor of [w, data.X, data.y]) tensor.dispose();
  await session.release();
  return { w: last as Float32Array, losses, onGpu };
}
