// Proves that the inside of an MLP is told only where one projection makes what the branch adds.
import { expect, it } from 'vitest';
import type { GraphBuilder } from '../../../../core/onnx/builder.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { D_MLP, plainMlp, project, reasonsOf, sitesOf, transformer, WIDTH } from './graphs.js';

/** Two hidden layers; the second is read by two projections, of which one goes through a narrow pair. */
function twoReaders(g: GraphBuilder, x: Value): Value {
  const first = g.op('Relu', [project(g, x, D_MLP)]);
  const second = g.op('Relu', [project(g, first, D_MLP)]);
  return g.op('Add', [project(g, second, WIDTH), project(g, project(g, second, 2), WIDTH)]);
}

it('names no pre and post where several projections read the last hidden layer: an earlier one was taken for it', () => {
  const model = transformer({ mlp: twoReaders });
  expect(sitesOf(model).has('blocks.0.mlp.hook_post')).toBe(false);
  expect(reasonsOf(model)).toMatchObject({
    'mlp.hook_pre': 'several projections together make what is added',
    'mlp.hook_post': 'several projections together make what is added',
  });
});

it('keeps them before an adapter that reads what the down projection makes', () => {
  const adapted = transformer({
    mlp: (g, x) => {
      const made = plainMlp(g, x);
      return g.op('Add', [made, project(g, g.op('Relu', [project(g, made, 2)]), WIDTH)]);
    },
  });
  expect(sitesOf(adapted).has('blocks.0.mlp.hook_post')).toBe(true);
});
