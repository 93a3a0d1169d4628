// Graphs that are differentiated, and what refusing to do so says.
import { appendGradients } from '../../../../core/autodiff/backward.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { InputError } from '../../../../schemas/errors.js';

export function graph(): { g: GraphBuilder; x: Value } {
  const g = new GraphBuilder('test');
  return { g, x: g.input('x', 'float32', ['n']) };
}

/** The message and details of what is thrown. */
export function failure(run: () => unknown): InputError {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new RangeError('nothing was thrown');
}

export function gradientsOf(
  g: GraphBuilder,
  y: Value,
  request: { wrt: readonly string[]; stop?: readonly string[] },
): ReadonlyMap<string, Value> {
  const cotangents = new Map([[y.name, g.input('dy', y.dtype, y.shape ?? [])]]);
  return appendGradients(g, { cotangents, ...request });
}
