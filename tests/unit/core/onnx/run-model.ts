// Runs models in ONNX Runtime and compares outputs, for tests of graph passes.
import { expect } from 'vitest';
import { encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { graphOf } from '../../../../core/onnx/cut.js';
import type { ModelProto } from '../../../../core/onnx/proto.js';
import { Session, type Optimisation, type TensorValue } from '../../../../runtime/session.js';

/** All outputs of a model. */
export async function runModel(
  model: ModelProto,
  feeds: Readonly<Record<string, TensorValue>>,
  optimisation: Optimisation,
): Promise<Record<string, TensorValue>> {
  const settings = { provider: 'cpu', threads: 1, optimisation } as const;
  const session = await Session.create(joinChunks(encodeModel(model)), settings);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

/** Token ids and a full mask, 2 × 7, for a fixture model. */
export function feedsOf(model: ModelProto): Record<string, TensorValue> {
  const dims = [2, 7];
  return Object.fromEntries(
    graphOf(model).input.map(({ name = '' }) => {
      const fill = (_: unknown, i: number): bigint => (name === 'input_ids' ? BigInt((i * 37) % 99) : 1n);
      return [name, { dtype: 'int64', dims, data: BigInt64Array.from({ length: 14 }, fill) }];
    }),
  );
}

/** Fails unless every output has the same type and shape and max |a − b| ≤ tolerance · max |b|. */
export function expectSame(
  actual: Readonly<Record<string, TensorValue>>,
  expected: Readonly<Record<string, TensorValue>>,
  tolerance = 0,
): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, { dtype, dims, data }] of Object.entries(expected)) {
    const value = actual[name];
    expect({ name, dtype: value?.dtype, dims: value?.dims }).toEqual({ name, dtype, dims });
    let [error, scale] = [0, 0];
    for (const [i, number] of Array.from(data, Number).entries()) {
      error = Math.max(error, Math.abs(Number(value?.data[i]) - number));
      scale = Math.max(scale, Math.abs(number));
    }
    expect(error, name).toBeLessThanOrEqual(tolerance * scale);
  }
}
