// What the pass back refuses: where no gradient goes through, with the way to it, and requests that do not fit the graph.
import { describe, expect, it } from 'vitest';
import { appendGradients } from '../../../../core/autodiff/backward.js';
import { GraphBuilder } from '../../../../core/onnx/builder.js';
import { DATA_TYPE } from '../../../../core/onnx/data-type.js';
import { makeGraph, makeModel, makeNode, makeTensor, makeValueInfo } from '../../../../core/onnx/make.js';
import type { Value } from '../../../../core/onnx/shape.js';
import { failure, gradientsOf, graph } from './backward-graphs.js';

describe('refusals name what was found', () => {
  it('an integer operator on the way, with the way', () => {
    const { g, x } = graph();
    const best = g.op('ArgMax', [x], { attributes: { keepdims: 0 }, name: 'best' });
    const y = g.op('Cast', [best], { attributes: { to: DATA_TYPE.float32 }, name: 'y' });
    const error = failure(() => gradientsOf(g, y, { wrt: ['x'] }));
    expect(error.message).toContain('ArgMax (node "best/node") lets no gradient through: its results are integers');
    expect(error.message).toContain('"x" → ArgMax "best" → Cast "y"');
  });

  it('a Cast to integers on the way', () => {
    const { g, x } = graph();
    const whole = g.op('Cast', [x], { attributes: { to: DATA_TYPE.int64 }, name: 'whole' });
    const y = g.op('Cast', [whole], { attributes: { to: DATA_TYPE.float32 } });
    const error = failure(() => gradientsOf(g, y, { wrt: ['x'] }));
    expect(error.message).toContain('Cast (node "whole/node") lets no gradient through: its result "whole" is int64');
  });

  it('an operator without a derivative, with its node and the way from wrt to output', () => {
    const { g, x } = graph();
    const h = g.op('Exp', [x], { name: 'h' });
    const image = g.op('Unsqueeze', [h, g.integers(0, 1)]);
    const kernel = g.initializer(makeTensor('kernel', { dims: [1, 1, 1], data: Float32Array.of(1) }));
    const folded = g.op('Conv', [image, kernel], { name: 'folded' });
    const y = g.op('Neg', [folded], { name: 'y' });
    const error = failure(() => gradientsOf(g, y, { wrt: ['x'] }));
    expect(error.message).toContain('Cannot differentiate Conv (node "folded/node")');
    expect(error.message).toMatch(/On the way "x" → Exp "h" → .* → Conv "folded" → Neg "y"/);
    expect(error.details).toMatchObject({ operator: 'Conv', wrt: 'x' });
  });

  it('an operator that is not known, of a foreign graph', () => {
    const node = [
      makeNode('Exp', { input: ['x'], output: ['h'] }),
      makeNode('Mystery', { input: ['h'], output: ['m'], domain: 'org.example', name: 'what' }),
      makeNode('Neg', { input: ['m'], output: ['y'] }),
    ];
    const float = (name: string) => makeValueInfo(name, 'float32', ['n']);
    const foreign = makeGraph({ node, input: [float('x')], output: [float('y')] });
    const model = makeModel({ ...foreign, valueInfo: [float('m')] });
    const g = GraphBuilder.over({
      ...model,
      opsetImport: [...model.opsetImport, { domain: 'org.example', version: 1 }],
    });
    const error = failure(() => gradientsOf(g, g.value('y'), { wrt: ['x'] }));
    expect(error.message).toContain('Cannot differentiate org.example.Mystery (node "what")');
    expect(error.message).toContain('"x" → Exp "h" → Mystery "m" → Neg "y"');
  });

  it('a control-flow operator that reads the tensor inside', () => {
    const { g, x } = graph();
    const branch = (sign: 'Neg' | 'Exp') => {
      const inner = g.subgraph(sign);
      inner.output(inner.op(sign, [x]));
      return inner.toGraph();
    };
    const condition = g.input('c', 'bool', []);
    const [y] = g.ops('If', [condition], {
      outputs: ['y'],
      attributes: { then_branch: branch('Neg'), else_branch: branch('Exp') },
    });
    const error = failure(() => gradientsOf(g, y as Value, { wrt: ['x'] }));
    expect(error.message).toContain('Cannot differentiate If');
    expect(error.message).toContain('"x" → If "y"');
  });

  it('an output that does not depend on the tensor', () => {
    const { g, x } = graph();
    g.op('Exp', [x]);
    const y = g.op('Neg', [g.input('z', 'float32', ['n'])], { name: 'y' });
    const error = failure(() => gradientsOf(g, y, { wrt: ['x'] }));
    expect(error.message).toContain('Expected "y" to depend on "x", found no way between them');
  });

  it('one tensor of several that the output does not depend on', () => {
    const { g, x } = graph();
    const y = g.op('Exp', [x], { name: 'y' });
    g.input('z', 'float32', ['n']);
    const error = failure(() => gradientsOf(g, y, { wrt: ['x', 'z'] }));
    expect(error.message).toContain('Expected "y" to depend on "z"');
  });

  it('tensors that are not there, or not floats', () => {
    const { g, x } = graph();
    const y = g.op('Exp', [x]);
    g.input('ids', 'int64', ['n']);
    expect(
      failure(() => appendGradients(g, { cotangents: new Map([[y.name, y]]), wrt: ['nowhere'] })).message,
    ).toContain('found none called "nowhere"');
    expect(failure(() => appendGradients(g, { cotangents: new Map([[y.name, y]]), wrt: ['ids'] })).message).toContain(
      '"ids" is int64',
    );
  });

  it('a cotangent of another type or rank', () => {
    const { g, x } = graph();
    g.op('Exp', [x], { name: 'y' });
    const wrong = (dy: Value) =>
      failure(() => appendGradients(g, { cotangents: new Map([['y', dy]]), wrt: ['x'] })).message;
    expect(wrong(g.input('a', 'float64', ['n']))).toContain('a cotangent of "y" as float32 [n], got float64 [n]');
    expect(wrong(g.input('b', 'float32', []))).toContain('got float32 []');
  });

  it('a reduction of ScatterElements that has no rule', () => {
    const { g, x } = graph();
    const index = g.input('index', 'int64', [2]);
    const u = g.input('u', 'float32', [2]);
    const y = g.op('ScatterElements', [x, index, u], { attributes: { reduction: 'mul' } });
    expect(failure(() => gradientsOf(g, y, { wrt: ['x'] })).message).toContain(
      'expected reduction none or add, got mul',
    );
  });
});
