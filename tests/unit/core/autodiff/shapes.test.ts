// Sums back to the shape of an operand: what damaged files make impossible is said.
import { expect, it } from 'vitest';
import { ShapedExpressions } from '../../../../core/autodiff/shapes.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { InputError } from '../../../../schemas/errors.js';

it('a gradient with fewer axes than its tensor is refused: the shapes of the file contradict each other', () => {
  const g = new GraphBuilder('test');
  const [dy, target] = [g.input('dy', 'float32', [3]), g.input('target', 'float32', [2, 3])];
  const sum = (): unknown => new ShapedExpressions(g).sumTo(dy, target);
  expect(sum).toThrow(InputError);
  expect(sum).toThrow(
    "Expected a gradient of at least 2 axes for target float32 [2, 3], got dy float32 [3]: the graph's shapes contradict each other. Export the model anew.",
  );
});
