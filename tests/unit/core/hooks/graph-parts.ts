// Parts of hand-made graphs that several tests put together: means, norms, heads, rotation; and the equations of a whole model.
import { expect } from 'vitest';
import { brokenIdentities, identitiesOf } from '../../../../core/hooks/identities.js';
import { resolveSites } from '../../../../core/hooks/sites.js';
import type { GraphBuilder } from '../../../../core/onnx/builder.js';
import type { ModelProto } from '../../../../core/onnx/proto.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { D_HEAD, project, split, valuesOf, weight, WIDTH } from './graphs.js';

export type Make = (g: GraphBuilder, x: Value) => Value;

/** Every equation among the sites of a model that does not hold. */
export async function broken(model: ModelProto): Promise<string[]> {
  const { sites } = resolveSites(model);
  const values = await valuesOf(model, sites);
  const identities = identitiesOf(sites.map((site) => site.name));
  expect(identities.length).toBeGreaterThan(4);
  return brokenIdentities(identities, values, 1e-5).map(({ equation, error }) => `${equation}: ${error}`);
}

export const mean = (g: GraphBuilder, x: Value, axis = -1): Value =>
  g.op('ReduceMean', [x, g.integers(axis)], { attributes: { keepdims: 1 } });
export const square = (g: GraphBuilder, x: Value): Value => g.op('Pow', [x, g.scalar(2)]);
export const withEps = (g: GraphBuilder, x: Value): Value => g.op('Add', [x, g.scalar(1e-3)]);
export const rms = (g: GraphBuilder, x: Value): Value => withEps(g, mean(g, square(g, x)));
export const gain = (g: GraphBuilder, x: Value): Value => g.op('Mul', [weight(g, WIDTH), x]);

export const turned = (g: GraphBuilder, x: Value, perm: number[]): Value =>
  g.op('Transpose', [x], { attributes: { perm } });
export const softmax = (g: GraphBuilder, x: Value, axis = -1): Value => g.op('Softmax', [x], { attributes: { axis } });
export const qkv = (g: GraphBuilder, x: Value): [Value, Value, Value] =>
  ['q', 'k', 'v'].map(() => split(g, project(g, x, WIDTH))) as [Value, Value, Value];

/** Half rotation by a table that is no activation. */
export function rotate(g: GraphBuilder, x: Value): Value {
  const table = (): Value => weight(g, 1, 1, 1, D_HEAD);
  const half = (from: number, to: number): Value => g.op('Slice', [x, g.integers(from), g.integers(to), g.integers(3)]);
  const swapped = g.op('Concat', [g.op('Neg', [half(2, 4)]), half(0, 2)], { attributes: { axis: -1 } });
  return g.op('Add', [g.op('Mul', [x, table()]), g.op('Mul', [swapped, table()])]);
}
