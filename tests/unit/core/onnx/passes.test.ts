// Passes keep what a graph computes: models are run in ONNX Runtime before and after, at the optimisation levels that the
// project uses, and their outputs compared. Small graphs show each numbered case of a pass.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeModel } from '../../../../core/onnx/codec.js';
import { graphOf } from '../../../../core/onnx/cut.js';
import { makeGraph, makeInt64, makeTensor, makeValueInfo } from '../../../../core/onnx/make.js';
import { foldShapes } from '../../../../core/onnx/passes/fold-shapes.js';
import { renameConsumers } from '../../../../core/onnx/passes/rename-consumers.js';
import { opsetOf, upgradeOpset } from '../../../../core/onnx/passes/upgrade-opset.js';
import type { GraphProto } from '../../../../core/onnx/proto.js';
import { MODEL_FILES } from '../../../harness/fixtures.js';
import { expectSameRuns, model, op, ops } from './pass-model.js';
import { expectSame, feedsOf, runModel } from './run-model.js';

const fixtures = MODEL_FILES.map((file) => [file.split('/').slice(-2).join('/'), file] as const);

describe('upgrading the opset', () => {
  const reductions = [
    'ReduceL1',
    'ReduceL2',
    'ReduceLogSum',
    'ReduceLogSumExp',
    'ReduceMax',
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSumSquare',
  ];

  test.each(reductions)('case 3: %s reads its axes, equal axes from one tensor', async (name) => {
    const before = model(
      [op(name, 'x -> a', { axes: [-1, 1], keepdims: 0 }), op(name, 'x -> b', { axes: [-1, 1] }), op(name, 'x -> c')],
      { output: ['a', 'b', 'c'], opset: 13 },
    );
    const after = upgradeOpset(before);
    expect(opsetOf(after)).toBe(20);
    const graph = graphOf(after);
    expect(graph.initializer.map((t) => t.name)).toEqual(['axes_-1_1']);
    expect(graph.node.map((node) => node.input)).toEqual([['x', 'axes_-1_1'], ['x', 'axes_-1_1'], ['x']]);
    await expectSameRuns(before, after);
  });

  test('case 4: Split without sizes says its number of outputs, with sizes stays', async () => {
    const before = model([op('Split', 'x -> a b', { axis: 2 }), op('Split', 'x sizes -> c d', { axis: 2 })], {
      output: ['a', 'b', 'c', 'd'],
      opset: 17,
      initializer: [makeInt64('sizes', [1, 3])],
    });
    const after = upgradeOpset(before);
    const [equal, sized] = graphOf(after).node;
    expect(equal?.attribute.find((a) => a.name === 'num_outputs')?.i).toBe(2);
    expect(sized).toBe(graphOf(before).node[1]);
    await expectSameRuns(before, after);
  });

  test('reductions inside the branches of an If read axes of the outermost graph', async () => {
    const branch = (name: string): GraphProto =>
      makeGraph({
        node: [op(name, `x -> ${name}.y`, { axes: [1] })],
        output: [makeValueInfo(`${name}.y`, 'float32')],
      });
    const before = model(
      [op('If', 'flag -> y', { then_branch: branch('ReduceMax'), else_branch: branch('ReduceMean') })],
      { output: ['y'], opset: 17 },
    );
    await expectSameRuns(before, upgradeOpset(before));
  });

  test('case 1: a model of opset 20 or newer is left alone', () => {
    const before = model([op('Relu', 'x -> y')], { output: ['y'], opset: 21 });
    expect(upgradeOpset(before)).toBe(before);
  });

  test('models below opset 13 and operators that changed are refused with what to do', () => {
    const old = model([op('Relu', 'x -> y')], { output: ['y'], opset: 12 });
    expect(() => upgradeOpset(old)).toThrow(
      'Expected a model of opset 13 or newer, got opset 12. Export it anew with opset 20.',
    );
    const changed = model([op('GridSample', 'x x -> y')], { output: ['y'], opset: 17 });
    expect(() => upgradeOpset(changed)).toThrow(
      'Expected operators that mean the same from opset 17 to 20, node "y/node" is GridSample, which changed in 20. Export the model anew with opset 20.',
    );
    expect(() => upgradeOpset({ ...old, opsetImport: [] })).toThrow(
      'Expected a model that says its opset, found none. The file is damaged: export it anew.',
    );
  });

  test.each(fixtures)('%s computes the same in opset 20', async (_, file) => {
    const before = decodeModel(readFileSync(file));
    const after = upgradeOpset(before);
    expect(opsetOf(after)).toBe(20);
    if (after === before) return;
    const feeds = feedsOf(before);
    const expected = await runModel(before, feeds, 'disabled');
    for (const level of ['disabled', 'all'] as const) expectSame(await runModel(after, feeds, level), expected, 2e-6);
  });
});

describe('folding shapes', () => {
  test('cases 1, 2 and 5: constants and known sizes are stored, what nobody needs is gone', async () => {
    const before = model(
      [
        op('Constant', '-> two', { value: makeTensor('', { dims: [], data: Float32Array.of(2) }) }),
        op('Shape', 'x -> s'),
        op('Gather', 's last -> width'),
        op('Mul', 'width minus -> shape'),
        op('Unsqueeze', 'shape zero -> list'),
        op('ConstantOfShape', 'width1 -> filled', {
          value: makeTensor('', { dims: [1], data: Float32Array.of(3) }),
        }),
        op('Mul', 'x two -> doubled'),
        op('Add', 'doubled filled -> sum'),
        op('Abs', 'list -> size'),
        op('Relu', 'x -> unused'),
      ],
      {
        output: ['sum', 'size'],
        initializer: [makeInt64('last', 2), makeInt64('minus', -1), makeInt64('zero', [0]), makeInt64('width1', [4])],
      },
    );
    const after = foldShapes(before);
    expect(ops(graphOf(after))).toEqual(['ConstantOfShape', 'Mul', 'Add', 'Abs']);
    expect(graphOf(after).initializer.map((t) => t.name)).toEqual(['width1', 'two', 'list']);
    await expectSameRuns(before, after);
  });

  test('case 3: aliases go, also for readers inside a body, but not where they may stretch an axis', async () => {
    const body = makeGraph({
      node: [op('Neg', 'same -> negated')],
      output: [makeValueInfo('negated', 'float32')],
    });
    const before = model(
      [
        op('Identity', 'x -> alias'),
        op('Cast', 'alias -> cast', { to: 1 }),
        op('Shape', 'x -> shape'),
        op('Reshape', 'cast shape -> same'),
        op('If', 'flag -> y', { then_branch: body, else_branch: body }),
        op('Identity', 'y -> z'),
        op('ReduceMax', 'x one -> flat'),
        op('Expand', 'flat shape -> wide'),
        op('Expand', 'same ones -> still'),
        op('Add', 'wide still -> sum'),
      ],
      { output: ['z', 'sum'], initializer: [makeInt64('one', [1]), makeInt64('ones', [1, 1, 1])] },
    );
    const after = foldShapes(before);
    expect(ops(graphOf(after))).toEqual(['Shape', 'If', 'Identity', 'ReduceMax', 'Expand', 'Add']);
    await expectSameRuns(before, after);
  });

  test('case 4: a target with one open axis is stored with 0 and -1, with two open axes it is not', async () => {
    const before = model(
      [
        op('Shape', 'x -> s'),
        op('Gather', 's first -> batch'),
        op('Gather', 's second -> pos'),
        op('Mul', 'batch pos -> rows'),
        op('Concat', 'rows two two -> target', { axis: 0 }),
        op('Reshape', 'x target -> a'),
        op('Concat', 'batch pos two two -> heads', { axis: 0 }),
        op('Reshape', 'x heads -> b'),
        op('Concat', 'pos two batch two -> mixed', { axis: 0 }),
        op('Reshape', 'x mixed -> c'),
      ],
      {
        output: ['a', 'b', 'c'],
        initializer: [makeInt64('first', [0]), makeInt64('second', [1]), makeInt64('two', [2])],
      },
    );
    const after = foldShapes(before);
    const targets = graphOf(after)
      .node.filter((n) => n.opType === 'Reshape')
      .map((n) => n.input[1]);
    expect(targets).toEqual(['shape_-1_2_2', 'shape_0_0_2_2', 'mixed']);
    expect(ops(graphOf(after))).not.toContain('Mul');
    await expectSameRuns(before, after);
  });

  test.each(fixtures)('%s computes the same with its shapes folded', async (_, file) => {
    const before = decodeModel(readFileSync(file));
    const after = foldShapes(upgradeOpset(before));
    const feeds = feedsOf(before);
    const expected = await runModel(before, feeds, 'disabled');
    for (const level of ['disabled', 'all'] as const) expectSame(await runModel(after, feeds, level), expected, 2e-6);
    expect(ops(graphOf(after))).not.toContain('Constant');
    const [fewer, many] = [graphOf(after).node.length, graphOf(before).node.length];
    expect(fewer / many).toBeLessThanOrEqual(file.includes('legacy') ? 0.6 : 1);
  });
});

test('a renamed tensor is read under its new name, but not where a body defines the old one', () => {
  const body = (own: string): GraphProto =>
    makeGraph({
      node: [op('Neg', `a -> ${own}`), op('Add', `a ${own} -> sum`)],
      output: [makeValueInfo('a', 'float32')],
    });
  const graph = makeGraph({
    node: [
      op('Add', 'a b -> c'),
      op('If', 'flag -> d', { then_branch: body('own'), else_branch: body('a') }),
      op('Relu', 'b -> e'),
    ],
    output: [makeValueInfo('c', 'float32')],
  });
  const renamed = renameConsumers(graph, new Map([['a', 'z']]));
  expect(renamed.node[0]?.input).toEqual(['z', 'b']);
  const [then, otherwise] = renamed.node[1]?.attribute.map((a) => a.g) ?? [];
  expect(then?.node.map((n) => n.input)).toEqual([['z'], ['z', 'own']]);
  expect(then?.output[0]?.name).toBe('z');
  expect(otherwise).toBe(graph.node[1]?.attribute[1]?.g);
  expect(renamed.node[2]).toBe(graph.node[2]);
});
